-- What the stand-in installs in its database: Oracle's functions and dictionary, and the
-- counters that tell whether a table changed. Running it again changes nothing.

CREATE SCHEMA IF NOT EXISTS oracle_standin;
SET LOCAL search_path = pg_catalog;

-- Types --------------------------------------------------------------------------------------
-- For what PostgreSQL has no type of its own (see datatypes.py). A domain has its size in itself:
-- for NCHAR(4) a test creates one more, `CREATE DOMAIN oracle_standin.nchar_4 AS character(4)`.

DO $$
DECLARE
    name text;
    base text;
BEGIN
    FOR name, base IN VALUES
        ('nvarchar2', 'varchar(2000)'), ('nchar', 'character(1)'), ('float', 'numeric'),
        ('timestamp_0', 'timestamp(0)'), ('timestamp_7', 'timestamp(6)'),
        ('timestamp_8', 'timestamp(6)'), ('timestamp_9', 'timestamp(6)'),
        ('timestamp_ltz', 'timestamptz(6)'), ('clob', 'text'), ('nclob', 'text'),
        ('blob', 'bytea'), ('long', 'text'), ('long_raw', 'bytea'), ('boolean', 'bool'),
        ('json', 'json')
    LOOP
        IF to_regtype(format('oracle_standin.%I', name)) IS NULL THEN
            EXECUTE format('CREATE DOMAIN oracle_standin.%I AS %s', name, base);
        END IF;
    END LOOP;
END $$;

-- What tests fill ----------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS oracle_standin.synonyms (
    owner text NOT NULL,
    synonym_name text NOT NULL,
    table_owner text NOT NULL,
    table_name text NOT NULL,
    PRIMARY KEY (owner, synonym_name)
);

CREATE TABLE IF NOT EXISTS oracle_standin.hidden (
    owner text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (owner, name)
);

-- Changes ------------------------------------------------------------------------------------
-- A row for each table and each transaction that changed it: their number, counted in a
-- snapshot, is the version of the table in that snapshot. Writers never wait for each other.

CREATE TABLE IF NOT EXISTS oracle_standin.changes (
    relation oid NOT NULL,
    transaction xid8 NOT NULL,
    PRIMARY KEY (relation, transaction)
);

CREATE OR REPLACE FUNCTION oracle_standin.note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO oracle_standin.changes VALUES (TG_RELID, pg_current_xact_id())
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION oracle_standin.watch(relation oid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER oracle_standin_change'
        ' AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION oracle_standin.note_change()',
        relation::regclass
    );
    -- Also while session_replication_role is `replica`.
    EXECUTE format(
        'ALTER TABLE %s ENABLE ALWAYS TRIGGER oracle_standin_change', relation::regclass
    );
END $$;

CREATE OR REPLACE VIEW oracle_standin.unwatched AS
SELECT c.oid AS relation
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
    AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'oracle_standin')
    AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (
        SELECT FROM pg_trigger t
        WHERE t.tgrelid = c.oid AND t.tgname = 'oracle_standin_change'
    );

CREATE OR REPLACE FUNCTION oracle_standin.watch_created() RETURNS event_trigger
LANGUAGE plpgsql AS $$
BEGIN
    -- One CREATE TABLE with a foreign key is several commands on the same table.
    PERFORM oracle_standin.watch(u.relation)
    FROM oracle_standin.unwatched u
    WHERE u.relation IN (SELECT created.objid FROM pg_event_trigger_ddl_commands() AS created);
END $$;

SELECT oracle_standin.watch(relation) FROM oracle_standin.unwatched;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'oracle_standin_watch') THEN
        CREATE EVENT TRIGGER oracle_standin_watch ON ddl_command_end
        WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
        EXECUTE FUNCTION oracle_standin.watch_created();
    END IF;
END $$;

-- Functions ----------------------------------------------------------------------------------
-- Oracle has no empty text: where PostgreSQL would answer one, these answer NULL. Where a body
-- names a parameter once, PostgreSQL can put the body in place of the call, which is much faster.

-- The digits of a number in at most so many characters, else with an exponent.
CREATE OR REPLACE FUNCTION oracle_standin.plain(n numeric, longest integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    answer text := regexp_replace(trim_scale(n)::text, '^(-?)0\.', '\1.');
    digits text;
    exponent integer;
BEGIN
    IF length(answer) <= longest THEN
        RETURN answer;
    END IF;
    digits := ltrim(replace(trim_scale(abs(n))::text, '.', ''), '0');
    exponent := CASE
        WHEN abs(n) >= 1 THEN length(trunc(abs(n))::text) - 1
        ELSE -1 - length(substring(trim_scale(abs(n))::text FROM '^0\.(0*)'))
    END;
    digits := rtrim(digits, '0');
    RETURN CASE WHEN n < 0 THEN '-' ELSE '' END
        || left(digits, 1)
        || CASE WHEN length(digits) > 1 THEN '.' || substr(digits, 2) ELSE '' END
        || 'E' || CASE WHEN exponent < 0 THEN '-' ELSE '+' END
        || CASE WHEN abs(exponent) < 10 THEN '0' ELSE '' END || abs(exponent)::text;
END $$;

CREATE OR REPLACE FUNCTION oracle_standin.to_char_tm9(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN n >= 1 AND n < 1e23 AND scale(n) <= 38 THEN trim_scale(n)::text
    ELSE oracle_standin.plain(n, 64)
END;

CREATE OR REPLACE FUNCTION oracle_standin.to_char(n numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    answer text := oracle_standin.plain(n, 200);
BEGIN
    IF length(answer) > 40 THEN
        RAISE EXCEPTION 'TO_CHAR of more than 40 characters needs the format TM9'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    RETURN answer;
END $$;

CREATE OR REPLACE FUNCTION oracle_standin.to_char(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN nullif(t, '');

-- With the trailing blanks, which PostgreSQL's cast of a CHAR to a text drops.
CREATE OR REPLACE FUNCTION oracle_standin.to_char(c bpchar) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE RETURN nullif(pg_catalog.concat(c), '');

CREATE OR REPLACE FUNCTION oracle_standin.joined(t text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF octet_length(t) > 4000 THEN
        RAISE EXCEPTION 'longer than a VARCHAR2' USING ERRCODE = 'O1489';
    END IF;
    RETURN nullif(t, '');
END $$;

-- A timestamp that only PostgreSQL has, unless it stands for 29 February of a century such as
-- 1500, which only Oracle has: its Julian calendar. 10,004 years later there is such a day.
CREATE OR REPLACE FUNCTION oracle_standin.julian_year(t timestamp) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    century numeric := extract(year FROM t) - 10004;
BEGIN
    IF extract(month FROM t) = 2 AND extract(day FROM t) = 29 AND century BETWEEN 100 AND 1500
        AND mod(century, 100) = 0 AND mod(century, 400) <> 0
    THEN
        RETURN century;
    END IF;
    RAISE EXCEPTION 'not a DATE' USING ERRCODE = 'O1841';
END $$;

CREATE OR REPLACE FUNCTION oracle_standin.year(t timestamp) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN t >= '4712-01-01 BC' AND t < '10000-01-01' THEN extract(year FROM t)
    ELSE oracle_standin.julian_year(t)
END;

-- The first moment of the month; that month is one of PostgreSQL's, whichever day stands for it.
CREATE OR REPLACE FUNCTION oracle_standin.month(t timestamp) RETURNS timestamp(0)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN make_timestamp(oracle_standin.year(t)::int, extract(month FROM t)::int, 1, 0, 0, 0);

-- The two templates differ in the sign of the year, which PostgreSQL has no element for.
CREATE OR REPLACE FUNCTION oracle_standin.to_char(t timestamp, ad text, bc text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.to_char(t, CASE
    WHEN t >= '0001-01-01' AND t < '10000-01-01' THEN ad
    WHEN t >= '4712-01-01 BC' AND t < '0001-01-01' THEN bc
    ELSE replace(ad, 'YYYY', lpad(oracle_standin.julian_year(t)::text, 4, '0'))
END);

-- PostgreSQL would also read 0x1F, 1_000, NaN and Infinity.
CREATE OR REPLACE FUNCTION oracle_standin.to_number(t text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN t ~* '[a-df-z_]' THEN ('!' || t)::numeric ELSE nullif(t, '')::numeric END;

CREATE OR REPLACE FUNCTION oracle_standin.to_number(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN n;

CREATE OR REPLACE FUNCTION oracle_standin.to_date(t text, template text) RETURNS timestamp(0)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    answer timestamp(0) := to_timestamp(t, template)::timestamp;
BEGIN
    IF to_char(answer, template) <> t THEN
        RAISE EXCEPTION 'literal does not match' USING ERRCODE = 'invalid_datetime_format';
    END IF;
    RETURN answer;
END $$;

CREATE OR REPLACE FUNCTION oracle_standin.length(t text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.length(nullif(t, ''));
CREATE OR REPLACE FUNCTION oracle_standin.length(c bpchar) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE RETURN pg_catalog.length(oracle_standin.to_char(c));
CREATE OR REPLACE FUNCTION oracle_standin.length(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.length(oracle_standin.to_char(n));

CREATE OR REPLACE FUNCTION oracle_standin.lower(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN nullif(pg_catalog.lower(t COLLATE "pg_c_utf8"), '');
CREATE OR REPLACE FUNCTION oracle_standin.lower(c bpchar) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE RETURN oracle_standin.lower(oracle_standin.to_char(c));
CREATE OR REPLACE FUNCTION oracle_standin.upper(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN nullif(pg_catalog.upper(t COLLATE "pg_c_utf8"), '');
CREATE OR REPLACE FUNCTION oracle_standin.upper(c bpchar) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE RETURN oracle_standin.upper(oracle_standin.to_char(c));
CREATE OR REPLACE FUNCTION oracle_standin.trim(t text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN nullif(pg_catalog.btrim(t), '');

-- The sign is the dividend's, and a divisor of zero is allowed.
CREATE OR REPLACE FUNCTION oracle_standin.mod(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN b = 0 THEN a ELSE pg_catalog.mod(a, b) END;

CREATE OR REPLACE FUNCTION oracle_standin.bitand(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (trunc(a)::bigint & trunc(b)::bigint)::numeric;

CREATE OR REPLACE FUNCTION oracle_standin.power(a numeric, b numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF a <> trunc(a) OR b <> trunc(b) OR b < 0 THEN
        RAISE EXCEPTION 'POWER of anything but integers'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    RETURN trim_scale(pg_catalog.power(trim_scale(a), b));
END $$;

-- As precise as a NUMBER can hold it: twenty base-100 digits.
CREATE OR REPLACE FUNCTION oracle_standin.divide(a numeric, b numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    quotient numeric := pg_catalog.round(a, 170) / b;
BEGIN
    IF quotient = 0 THEN
        RETURN 0;
    END IF;
    RETURN trim_scale(
        pg_catalog.round(quotient, 2 * (19 - floor(log(abs(quotient)) / 2)::integer))
    );
END $$;

-- For NUMBER only: PostgreSQL would take a text for a binary double.
CREATE OR REPLACE FUNCTION oracle_standin.abs(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.abs(n);
CREATE OR REPLACE FUNCTION oracle_standin.ceil(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.ceil(n);
CREATE OR REPLACE FUNCTION oracle_standin.floor(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.floor(n);
CREATE OR REPLACE FUNCTION oracle_standin.sign(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.sign(n);

CREATE OR REPLACE FUNCTION oracle_standin.round(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.round(n);
CREATE OR REPLACE FUNCTION oracle_standin.round(n numeric, places numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.round(n, trunc(places)::integer);
CREATE OR REPLACE FUNCTION oracle_standin.trunc(n numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.trunc(n);
CREATE OR REPLACE FUNCTION oracle_standin.trunc(n numeric, places numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.trunc(n, pg_catalog.trunc(places)::integer);

CREATE OR REPLACE FUNCTION oracle_standin.trunc(t timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN date_trunc('day', t);
CREATE OR REPLACE FUNCTION oracle_standin.trunc(t timestamp, unit text) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_trunc(
    CASE pg_catalog.upper(unit)
        WHEN 'DD' THEN 'day' WHEN 'DDD' THEN 'day' WHEN 'HH24' THEN 'hour' WHEN 'MI' THEN 'minute'
        WHEN 'MM' THEN 'month' WHEN 'MONTH' THEN 'month' WHEN 'Q' THEN 'quarter'
        WHEN 'YYYY' THEN 'year' WHEN 'YEAR' THEN 'year' WHEN 'IW' THEN 'week'
        ELSE 'unknown'
    END,
    t
);

-- A position of 0 counts as 1, a negative one from the end; a length below 1 gives NULL.
CREATE OR REPLACE FUNCTION oracle_standin.substr(t text, start numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN trunc(start) >= 0
        THEN nullif(pg_catalog.substr(t, greatest(trunc(start), 1)::integer), '')
    WHEN -trunc(start) <= pg_catalog.length(t)
        THEN pg_catalog.right(t, -trunc(start)::integer)
END;
CREATE OR REPLACE FUNCTION oracle_standin.substr(t text, start numeric, size numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN trunc(size) >= 1
        THEN pg_catalog.left(oracle_standin.substr(t, start), trunc(size)::integer)
END;
CREATE OR REPLACE FUNCTION oracle_standin.substr(c bpchar, start numeric) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN oracle_standin.substr(oracle_standin.to_char(c), start);
CREATE OR REPLACE FUNCTION oracle_standin.substr(c bpchar, start numeric, size numeric)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN oracle_standin.substr(oracle_standin.to_char(c), start, size);

-- Not Oracle's own hash, which is not published: like it, a number of 32 bits that is the same
-- for the same text, and another function for each seed.
CREATE OR REPLACE FUNCTION oracle_standin.ora_hash(t text, max_bucket bigint, seed bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.mod(
    coalesce(hashtextextended(nullif(t, '') COLLATE "C", seed), 0) & 4294967295, max_bucket + 1
)::numeric;
CREATE OR REPLACE FUNCTION oracle_standin.ora_hash(n numeric, max_bucket bigint, seed bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN oracle_standin.ora_hash(trim_scale(n)::text, max_bucket, seed);
CREATE OR REPLACE FUNCTION oracle_standin.ora_hash(c bpchar, max_bucket bigint, seed bigint)
RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN oracle_standin.ora_hash(oracle_standin.to_char(c), max_bucket, seed);
CREATE OR REPLACE FUNCTION oracle_standin.ora_hash(t timestamp, max_bucket bigint, seed bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN oracle_standin.ora_hash(t::text, max_bucket, seed);

-- Comparing a CHAR to a VARCHAR2 its blanks count; PostgreSQL would drop them. Two CHARs, or a
-- CHAR and a literal, differ in blanks alone in neither database.
DO $$
DECLARE
    operator text;
    name text;
BEGIN
    IF to_regoperator('oracle_standin.=(bpchar, text)') IS NOT NULL THEN
        RETURN;
    END IF;
    FOR operator, name IN VALUES
        ('=', 'eq'), ('<>', 'ne'), ('<', 'lt'), ('>', 'gt'), ('<=', 'le'), ('>=', 'ge')
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION oracle_standin.%2$s(a bpchar, b text) RETURNS boolean'
            ' LANGUAGE sql STABLE PARALLEL SAFE RETURN oracle_standin.to_char(a) %1$s b;'
            'CREATE OR REPLACE FUNCTION oracle_standin.%2$s(a text, b bpchar) RETURNS boolean'
            ' LANGUAGE sql STABLE PARALLEL SAFE RETURN a %1$s oracle_standin.to_char(b);',
            operator, name
        );
        EXECUTE format(
            'CREATE OPERATOR oracle_standin.%1$s'
            ' (LEFTARG = bpchar, RIGHTARG = text, FUNCTION = oracle_standin.%2$s);'
            'CREATE OPERATOR oracle_standin.%1$s'
            ' (LEFTARG = text, RIGHTARG = bpchar, FUNCTION = oracle_standin.%2$s);',
            operator, name
        );
    END LOOP;
END $$;

-- The dictionary -----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION oracle_standin.ora_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE name
    WHEN pg_catalog.lower(name) THEN pg_catalog.upper(name)
    WHEN pg_catalog.upper(name) THEN pg_catalog.lower(name)
    ELSE name
END;

CREATE TABLE IF NOT EXISTS oracle_standin.dual (dummy text);
INSERT INTO oracle_standin.dual SELECT 'X' WHERE NOT EXISTS (SELECT FROM oracle_standin.dual);

CREATE OR REPLACE VIEW oracle_standin.relations AS
SELECT
    c.oid AS relation,
    n.nspname AS pg_schema,
    c.relname AS pg_name,
    c.relkind AS kind,
    oracle_standin.ora_name(n.nspname) AS owner,
    oracle_standin.ora_name(c.relname) AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'oracle_standin')
    AND n.nspname NOT LIKE 'pg\_%';

CREATE OR REPLACE VIEW oracle_standin.column_types AS
SELECT
    a.attrelid AS relation,
    a.attname::text AS name,
    a.attnotnull AS is_required,
    CASE WHEN t.typtype = 'd' AND n.nspname = 'oracle_standin' THEN t.typname::text END AS domain,
    coalesce(b.typname, t.typname)::text AS type,
    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier,
    coalesce(b.typname, t.typname) = 'bpchar' AS is_char,
    t.typname = 'timestamp' AND a.atttypmod = 0 AS is_date,
    a.attnum AS number
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE a.attnum > 0 AND NOT a.attisdropped;

CREATE OR REPLACE VIEW oracle_standin.all_tables AS
SELECT
    owner, name AS table_name, 'USERS'::text AS tablespace_name, NULL::numeric AS num_rows,
    NULL::text AS iot_name, NULL::text AS iot_type, NULL::text AS duration, 'N'::text AS temporary,
    'DISABLED'::text AS compression, NULL::text AS compress_for
FROM oracle_standin.relations WHERE kind IN ('r', 'p');

CREATE OR REPLACE VIEW oracle_standin.all_views AS
SELECT owner, name AS view_name, pg_get_viewdef(relation) AS text
FROM oracle_standin.relations WHERE kind = 'v';

CREATE OR REPLACE VIEW oracle_standin.all_mviews AS
SELECT owner, name AS mview_name FROM oracle_standin.relations WHERE kind = 'm';

CREATE OR REPLACE VIEW oracle_standin.all_synonyms AS
SELECT owner, synonym_name, table_owner, table_name, NULL::text AS db_link
FROM oracle_standin.synonyms;

CREATE OR REPLACE VIEW oracle_standin.all_objects AS
SELECT
    owner, name AS object_name, relation::bigint::numeric AS object_id,
    CASE kind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS object_type,
    'VALID'::text AS status
FROM oracle_standin.relations
UNION ALL
SELECT owner, synonym_name, NULL, 'SYNONYM', 'VALID' FROM oracle_standin.synonyms;

CREATE OR REPLACE VIEW oracle_standin.all_tab_cols AS
SELECT
    r.owner,
    r.name AS table_name,
    oracle_standin.ora_name(c.name) AS column_name,
    CASE
        WHEN c.domain LIKE 'nvarchar2%' THEN 'NVARCHAR2'
        WHEN c.domain LIKE 'nchar%' THEN 'NCHAR'
        WHEN c.domain = 'timestamp_ltz' THEN 'TIMESTAMP(6) WITH LOCAL TIME ZONE'
        WHEN c.domain LIKE 'timestamp%' THEN format('TIMESTAMP(%s)', right(c.domain, 1))
        WHEN c.domain IS NOT NULL
            THEN pg_catalog.upper(replace(regexp_replace(c.domain, '_\d+$', ''), '_', ' '))
        WHEN c.type IN ('numeric', 'int2', 'int4', 'int8') THEN 'NUMBER'
        WHEN c.type IN ('text', 'varchar') THEN 'VARCHAR2'
        WHEN c.type = 'bpchar' THEN 'CHAR'
        WHEN c.type = 'date' OR c.is_date THEN 'DATE'
        WHEN c.type = 'timestamp' THEN format('TIMESTAMP(%s)', coalesce(nullif(c.modifier, -1), 6))
        WHEN c.type = 'timestamptz' THEN 'TIMESTAMP(6) WITH TIME ZONE'
        WHEN c.type = 'float4' THEN 'BINARY_FLOAT'
        WHEN c.type = 'float8' THEN 'BINARY_DOUBLE'
        WHEN c.type = 'bytea' THEN 'RAW'
        ELSE pg_catalog.upper(c.type)
    END AS data_type,
    NULL::text AS data_type_mod,
    CASE
        WHEN c.type IN ('varchar', 'bpchar') AND c.modifier > 4 THEN c.modifier - 4
        WHEN c.type IN ('text', 'varchar', 'bytea') THEN 4000
        WHEN c.type IN ('date', 'timestamp') THEN 7
        ELSE 22
    END::numeric AS data_length,
    CASE
        WHEN c.domain LIKE 'float%' THEN 126
        WHEN c.type = 'numeric' AND c.modifier > 4 THEN (c.modifier - 4) >> 16
    END::numeric AS data_precision,
    CASE
        WHEN c.type = 'numeric' AND c.modifier > 4
            THEN (((c.modifier - 4) & 2047) # 1024) - 1024
        WHEN c.type IN ('int2', 'int4', 'int8') THEN 0
    END::numeric AS data_scale,
    CASE WHEN c.is_required THEN 'N' ELSE 'Y' END AS nullable,
    c.number::numeric AS column_id,
    c.number::numeric AS internal_column_id,
    pg_get_expr(d.adbin, d.adrelid) AS data_default,
    CASE WHEN c.type IN ('varchar', 'bpchar') AND c.modifier > 4 THEN c.modifier - 4
        WHEN c.type IN ('text', 'varchar') THEN 4000 ELSE 0 END::numeric AS char_length,
    CASE WHEN c.type IN ('text', 'varchar', 'bpchar') THEN 'C' END AS char_used,
    'NO'::text AS hidden_column,
    'NO'::text AS virtual_column,
    'NO'::text AS default_on_null,
    'YES'::text AS user_generated,
    r.relation
FROM oracle_standin.relations r
JOIN oracle_standin.column_types c ON c.relation = r.relation
LEFT JOIN pg_attrdef d ON d.adrelid = c.relation AND d.adnum = c.number;

CREATE OR REPLACE VIEW oracle_standin.all_tab_columns AS
SELECT * FROM oracle_standin.all_tab_cols;

CREATE OR REPLACE VIEW oracle_standin.all_col_comments AS
SELECT owner, table_name, column_name,
    col_description(relation, column_id::integer) AS comments
FROM oracle_standin.all_tab_cols;

CREATE OR REPLACE VIEW oracle_standin.all_tab_identity_cols AS
SELECT owner, table_name, column_name, NULL::text AS generation_type,
    NULL::text AS identity_options, NULL::text AS sequence_name
FROM oracle_standin.all_tab_cols WHERE false;

CREATE OR REPLACE VIEW oracle_standin.all_users AS
SELECT DISTINCT owner AS username FROM oracle_standin.relations;

CREATE OR REPLACE VIEW oracle_standin.all_tab_comments AS
SELECT owner, name AS table_name, CASE kind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS table_type,
    obj_description(relation, 'pg_class') AS comments
FROM oracle_standin.relations WHERE kind <> 'm';

CREATE OR REPLACE VIEW oracle_standin.all_mview_comments AS
SELECT owner, name AS mview_name, obj_description(relation, 'pg_class') AS comments
FROM oracle_standin.relations WHERE kind = 'm';

CREATE OR REPLACE VIEW oracle_standin.constraints AS
SELECT c.oid AS id, c.contype, c.conkey, c.confrelid, c.conrelid, c.conindid,
    r.owner, r.name AS table_name, oracle_standin.ora_name(c.conname) AS constraint_name,
    CASE WHEN c.contype = 'c' THEN pg_get_expr(c.conbin, c.conrelid) END AS search_condition,
    CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'NO ACTION' END
        AS delete_rule
FROM pg_constraint c JOIN oracle_standin.relations r ON r.relation = c.conrelid
WHERE c.contype IN ('p', 'u', 'f', 'c');

CREATE OR REPLACE VIEW oracle_standin.all_constraints AS
SELECT c.owner, c.table_name, c.constraint_name,
    CASE c.contype WHEN 'f' THEN 'R' ELSE pg_catalog.upper(c.contype::text) END AS constraint_type,
    c.search_condition, f.owner AS r_owner, f.constraint_name AS r_constraint_name,
    CASE WHEN c.contype = 'f' THEN c.delete_rule END AS delete_rule, 'ENABLED'::text AS status
FROM oracle_standin.constraints c
LEFT JOIN oracle_standin.constraints f ON c.contype = 'f' AND f.contype IN ('p', 'u')
    AND f.conrelid = c.confrelid AND f.conindid = c.conindid;

CREATE OR REPLACE VIEW oracle_standin.all_cons_columns AS
SELECT c.owner, c.constraint_name, c.table_name,
    oracle_standin.ora_name(a.attname) AS column_name,
    CASE WHEN c.contype <> 'c' THEN k.position::numeric END AS position
FROM oracle_standin.constraints c
CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k (attnum, position)
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum;

CREATE OR REPLACE VIEW oracle_standin.indexes AS
SELECT i.*, r.owner, r.name AS table_name, oracle_standin.ora_name(c.relname) AS index_name
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN oracle_standin.relations r ON r.relation = i.indrelid;

CREATE OR REPLACE VIEW oracle_standin.all_indexes AS
SELECT owner, index_name, owner AS table_owner, table_name, 'VALID'::text AS status,
    CASE WHEN indexprs IS NULL THEN 'NORMAL' ELSE 'FUNCTION-BASED NORMAL' END AS index_type,
    CASE WHEN indisunique THEN 'UNIQUE' ELSE 'NONUNIQUE' END AS uniqueness,
    'DISABLED'::text AS compression, NULL::numeric AS prefix_length
FROM oracle_standin.indexes;

CREATE OR REPLACE VIEW oracle_standin.all_ind_columns AS
SELECT i.owner AS index_owner, i.index_name, i.owner AS table_owner, i.table_name,
    oracle_standin.ora_name(a.attname) AS column_name, a.attnum::numeric AS column_position,
    CASE i.indoption[a.attnum - 1] & 1 WHEN 1 THEN 'DESC' ELSE 'ASC' END AS descend
FROM oracle_standin.indexes i
JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum <= i.indnkeyatts;

-- In Oracle a descending column is an expression.
CREATE OR REPLACE VIEW oracle_standin.all_ind_expressions AS
SELECT i.owner AS index_owner, i.index_name, i.owner AS table_owner, i.table_name,
    pg_get_indexdef(i.indexrelid, position, true) AS column_expression,
    position::numeric AS column_position
FROM oracle_standin.indexes i
CROSS JOIN generate_series(1, i.indnkeyatts) AS position
WHERE i.indkey[position - 1] = 0 OR i.indoption[position - 1] & 1 = 1;

CREATE OR REPLACE VIEW oracle_standin."v$version" AS
SELECT
    'Oracle Database 19c Enterprise Edition Release 19.0.0.0.0 - Production'::text AS banner,
    'Oracle Database 19c Enterprise Edition Release 19.0.0.0.0 - Production (stand-in)'::text
        AS banner_full;

CREATE OR REPLACE VIEW oracle_standin.product_component_version AS
SELECT 'Oracle Database 19c Enterprise Edition'::text AS product,
    '19.0.0.0.0'::text AS version, '19.22.0.0.0'::text AS version_full, 'Production'::text AS status;

-- The transaction that DBMS_TRANSACTION.LOCAL_TRANSACTION_ID names (see plsql.py).
CREATE OR REPLACE VIEW oracle_standin."v$transaction" AS
SELECT 7::numeric AS xidusn, 12::numeric AS xidslot, 4711::numeric AS xidsqn, 0::numeric AS flag;

CREATE OR REPLACE VIEW oracle_standin.session_privs AS
SELECT unnest(ARRAY['CREATE SESSION', 'SELECT ANY TABLE']) AS privilege;
