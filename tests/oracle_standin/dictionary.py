"""What PostgreSQL's catalogs say of tables: Oracle's names for them, their columns, versions."""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, NamedTuple

import psycopg

from oracle_standin.datatypes import Declared
from oracle_standin.errors import OraError
from oracle_standin.functions import SCHEMA
from oracle_standin.names import swapped
from oracle_standin.sql import Relation

_OTHER_VIEWS = {"dual", "product_component_version", "session_privs"}

_RESOLVE = f"""
WITH wanted AS (SELECT %(owner)s::text AS owner, %(name)s::text AS name),
found AS (
    SELECT 1 AS priority, owner, name FROM wanted
    UNION ALL
    SELECT CASE s.owner WHEN 'PUBLIC' THEN 3 ELSE 2 END, s.table_owner, s.table_name
    FROM {SCHEMA}.synonyms s, wanted w
    WHERE s.synonym_name = w.name AND s.owner IN (w.owner, %(public)s::text)
)
SELECT
    r.pg_schema, r.pg_name,
    ARRAY(SELECT name FROM {SCHEMA}.column_types WHERE relation = r.relation AND is_char),
    ARRAY(SELECT name FROM {SCHEMA}.column_types WHERE relation = r.relation AND is_date),
    EXISTS (SELECT FROM {SCHEMA}.hidden h WHERE h.owner = r.owner AND h.name = r.name)
FROM found f JOIN {SCHEMA}.relations r ON r.owner = f.owner AND r.name = f.name
ORDER BY f.priority LIMIT 1
"""

_DECLARED = f"""
SELECT relation, number::oid, domain, NOT is_required
FROM {SCHEMA}.column_types WHERE relation = ANY (%(tables)s::oid[])
"""

# One row where the changes of a relation are counted, none for a view. What DDL may change, the
# trigger that counts included, is part of the version.
_VERSION = f"""
SELECT c.oid, c.relfilenode, t.oid, t.xmin::text,
    (SELECT string_agg(concat_ws(':', a.attnum, a.attname, a.atttypid, a.atttypmod), ','
        ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
    (SELECT count(*) FROM {SCHEMA}.changes ch WHERE ch.relation = c.oid)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'oracle_standin_change' AND t.tgenabled = 'A'
WHERE n.nspname = %s AND c.relname = %s AND c.relkind = 'r' AND NOT c.relhassubclass
"""

Run = Callable[..., psycopg.Cursor[Any]]


class Version(NamedTuple):
    """What a table is, and how often it was changed."""

    definition: Hashable
    changes: str


class Dictionary:
    """Asks through `run`, so in the transaction of whoever has that."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def resolve(self, schema: str, owner: str | None, name: str) -> Relation:
        """A table, a view, a synonym's target or a dictionary view, for a session in `schema`."""
        wanted = {
            "owner": owner or schema,
            "name": name,
            "public": None if owner and owner != "PUBLIC" else "PUBLIC",
        }
        row = self._run(_RESOLVE, wanted).fetchone()
        if row is None and owner in (None, "SYS", "PUBLIC"):
            row = self._dictionary_view(swapped(name))
        if row is None:
            raise OraError(942)
        found, relation, chars, dates, is_hidden = row
        if is_hidden:
            raise OraError(1031)
        return Relation(found, relation, frozenset(chars), frozenset(dates))

    def _dictionary_view(self, name: str) -> tuple[Any, ...] | None:
        if not (name.startswith(("all_", "v$")) or name in _OTHER_VIEWS):
            return None
        query = (
            "SELECT n.nspname, c.relname, ARRAY[]::text[], ARRAY[]::text[], false FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %(schema)s AND c.relname = %(name)s"
        )
        return self._run(query, {"schema": SCHEMA, "name": name}).fetchone()

    def declared(self, tables: Collection[int]) -> Mapping[tuple[int, int], Declared]:
        """By table and attribute number, for what is a table's column."""
        if not tables:
            return {}
        rows = self._run(_DECLARED, {"tables": list(tables)}).fetchall()
        return {(table, number): Declared(*rest) for table, number, *rest in rows}

    def version(self, relation: Relation) -> Version | None:
        """None where nobody counts the changes."""
        row = self._run(_VERSION, (relation.schema, relation.name)).fetchone()
        return None if row is None else Version(row[:-1], row[-1])
