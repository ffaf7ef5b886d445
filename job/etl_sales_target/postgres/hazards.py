"""What a load would harm in a target that somebody else created, from PostgreSQL's catalogs.

A load deletes rows and copies new ones, with the definition's columns alone. Named here is whatever
depends on the deleted rows, or would keep rows from being deleted or copied as they are.
"""

from dataclasses import dataclass

from sqlalchemy import Table, text

from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.errors import TargetRefusedError
from etl_sales_target.postgres.session import PostgresSession

# One row per hazard: which of the descriptions below, and what fills it in.
_FIND = text("""
    WITH target AS (
        SELECT oid, relkind FROM pg_class WHERE oid = to_regclass(:table)
    ), tree AS (
        SELECT oid FROM target
         UNION SELECT relid FROM target, pg_partition_tree(target.oid)
    )
    SELECT 'kind' AS hazard,
           CASE relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
                        WHEN 'f' THEN 'a foreign table' ELSE 'no table' END AS what
      FROM target WHERE relkind NOT IN ('r', 'p')
     UNION ALL
    SELECT 'foreign partition', oid::regclass::text
      FROM pg_class JOIN tree USING (oid)
     WHERE relkind = 'f' AND oid NOT IN (SELECT oid FROM target)
     UNION ALL
    SELECT 'child', inhrelid::regclass::text
      FROM pg_inherits JOIN target ON inhparent = oid WHERE relkind = 'r'
     UNION ALL
    SELECT 'further column', attname::text
      FROM pg_attribute JOIN target ON attrelid = oid
     WHERE attnum > 0 AND NOT attisdropped AND attgenerated = ''
       AND attname::text <> ALL (CAST(:columns AS text[]))
       AND attname::text <> ALL (CAST(:load_columns AS text[]))
     UNION ALL
    SELECT 'load column', wanted
      FROM target, unnest(CAST(:load_columns AS text[])) AS wanted
     WHERE NOT EXISTS (
               SELECT FROM pg_attribute
                WHERE attrelid = target.oid AND attname::text = wanted AND NOT attisdropped
                  AND (atthasdef OR attidentity <> ''))
     UNION ALL
    SELECT 'generated column', attname::text
      FROM pg_attribute JOIN target ON attrelid = oid
     WHERE attnum > 0 AND attgenerated <> '' AND attname::text = ANY (CAST(:columns AS text[]))
     UNION ALL
    SELECT 'foreign key', conname || ' of ' || conrelid::regclass
      FROM pg_constraint
     WHERE contype = 'f' AND confrelid IN (SELECT oid FROM tree) AND conparentid = 0
     UNION ALL
    SELECT 'rule', rulename::text
      FROM pg_rewrite
     WHERE ev_class IN (SELECT oid FROM tree) AND ev_type <> '1'
     UNION ALL
    SELECT 'row level security', '' FROM target WHERE row_security_active(oid)
     UNION ALL
    SELECT 'publication', string_agg(DISTINCT pubname::text, ', ')
      FROM pg_publication AS publication
      JOIN pg_publication_tables AS published USING (pubname)
     WHERE (publication.pubdelete OR publication.pubupdate)
       AND to_regclass(quote_ident(schemaname) || '.' || quote_ident(tablename)) IN (
               SELECT oid FROM tree)
       AND EXISTS (
               SELECT FROM pg_class JOIN tree USING (oid)
                WHERE relkind = 'r' AND (relreplident = 'n' OR relreplident = 'd' AND NOT EXISTS (
                    SELECT FROM pg_index WHERE indrelid = oid AND indisprimary)))
    HAVING count(*) > 0
""")


@dataclass(frozen=True)
class _Description:
    """What is said of a hazard; `what` is filled in."""

    text: str
    remedy: str


_DESCRIPTIONS = {
    "kind": _Description("it is {what}", "Choose an ordinary or partitioned table as the target."),
    "foreign partition": _Description(
        "partition {what} is a foreign table",
        "Detach it: its rows are not part of this transaction.",
    ),
    "child": _Description(
        "table {what} inherits from it, and its rows would be deleted with the target's",
        "ALTER TABLE … NO INHERIT, or choose another target.",
    ),
    "further column": _Description(
        "column {what} is not loaded, and its values would be lost",
        "If the source has it, add it to `columns` in ETL_TABLES_FILE; if it was removed there, "
        "ALTER TABLE … DROP COLUMN …; otherwise move it to a table of its own, make it a generated "
        "column, or, if its default is right for every row, list it under `load_columns`.",
    ),
    "load column": _Description(
        "load column {what} is missing or has no default",
        "ALTER TABLE … ALTER COLUMN … SET DEFAULT, or remove it from `load_columns`.",
    ),
    "generated column": _Description(
        "column {what} is generated and cannot be loaded", "Make it an ordinary column."
    ),
    "foreign key": _Description(
        "foreign key {what} points at it, and a load deletes rows",
        "Drop the foreign key; rows that refer to a deleted one would be lost or stop the load.",
    ),
    "rule": _Description(
        "rule {what} rewrites statements on it", "Drop the rule, or use a trigger instead."
    ),
    "row level security": _Description(
        "row level security hides rows of it from this user",
        "Give the user BYPASSRLS, or make it the table's owner.",
    ),
    "publication": _Description(
        "it has no replica identity, and publication {what} publishes its deletes",
        "ALTER TABLE … REPLICA IDENTITY FULL, or USING INDEX.",
    ),
}


def refuse_hazards(session: PostgresSession, table: Table, layout: TableLayout) -> None:
    """Raises TargetRefusedError, which names what a load would harm."""
    found = session.execute(
        _FIND,
        table=session.name_of(table),
        columns=list(layout.names),
        load_columns=list(layout.definition.load_columns),
    ).all()
    if not found:
        return
    descriptions = [_DESCRIPTIONS[row.hazard] for row in found]
    harm = [
        description.text.format(what=row.what)
        for description, row in zip(descriptions, found, strict=True)
    ]
    raise TargetRefusedError(
        f"{table} cannot be loaded without harm: {'; '.join(harm)}.",
        remedy=" ".join(dict.fromkeys(each.remedy for each in descriptions)),
        hazards=harm,
    )


_RELIANT_TRIGGERS = text("""
    SELECT tgname AS trigger, tgfoid::regprocedure::text AS function
      FROM pg_trigger
      JOIN pg_proc ON pg_proc.oid = tgfoid
      JOIN pg_language ON pg_language.oid = prolang
     WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal AND tgenabled <> 'D'
       AND lanname NOT IN ('c', 'internal')
       AND NOT EXISTS (SELECT FROM unnest(proconfig) AS set WHERE starts_with(set, 'search_path='))
     ORDER BY 1
""")


def reliant_triggers(session: PostgresSession, table: Table) -> list[str]:
    """A clause for each trigger whose function may rely on the caller's search_path."""
    found = session.execute(_RELIANT_TRIGGERS, table=session.name_of(table))
    return [
        f"trigger {row.trigger} runs {row.function}, which has no search_path of its own and fails "
        "if it relies on the caller's"
        for row in found
    ]
