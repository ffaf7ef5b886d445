"""PostgreSQL behind one Oracle session: its transaction, its dictionary, its cursors."""

import contextlib
import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import count
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.types.string import TextLoader

from oracle_standin.cache import Cache
from oracle_standin.datatypes import Declared, column
from oracle_standin.errors import OraError, from_postgres
from oracle_standin.functions import SCHEMA
from oracle_standin.groups import GroupMemory, Groups, answer
from oracle_standin.interruptible import InterruptibleConnection
from oracle_standin.messages import Column
from oracle_standin.names import swapped
from oracle_standin.result import Result, Stream, from_cache
from oracle_standin.rows import Block, RowEncoder
from oracle_standin.sql import Relation, Translation

_INSTALL_LOCK = 7061733
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


def install(database_url: str) -> None:
    """Create what the stand-in needs in its database, unless it is there.

    Replacing it would wait for every open transaction that has used it.
    """
    script = files(__package__).joinpath("schema.sql").read_text()
    version = hashlib.sha256(script.encode()).hexdigest()
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        installed = connection.execute(
            "SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", [SCHEMA]
        ).fetchone()
        if installed != (version,):
            connection.execute(script.encode())
            connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{version}'".encode())


class _Version(NamedTuple):
    """What a table is, and how often it was changed."""

    definition: Hashable
    changes: str


class _Key(NamedTuple):
    """All that an encoded answer depends on."""

    sql: str
    versions: tuple[_Version, ...]
    duplicates: bool


class Store:
    """One PostgreSQL connection. Its errors come out as Oracle's."""

    def __init__(
        self,
        database_url: str,
        user: str,
        cache: Cache,
        memory: GroupMemory,
        *,
        duplicates: bool,
        is_interrupted: Callable[[], bool],
    ) -> None:
        self.schema = user.upper()
        self.read_only = False
        self.changed = False
        self._cache = cache
        self._memory = memory
        self._duplicates = duplicates
        self._names = count(1)
        self._open: set[str] = set()
        self._connection = InterruptibleConnection.connect(
            database_url, autocommit=True, prepare_threshold=None, application_name=SCHEMA
        )
        self._connection.is_interrupted = is_interrupted
        for kind in ("numeric", "int2", "int4", "int8", "float4", "float8", "bytea"):
            self._connection.adapters.register_loader(kind, TextLoader)
        for kind in ("date", "timestamp", "timestamptz", "json"):
            self._connection.adapters.register_loader(kind, TextLoader)
        self._run("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1")
        self._run(f"SET search_path = pg_catalog, {SCHEMA}")

    def close(self) -> None:
        self._connection.close()

    @property
    def closed(self) -> bool:
        return self._connection.closed

    def cancel(self) -> None:
        """From another thread: end what PostgreSQL is doing for this session."""
        with contextlib.suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=1)

    # -- transactions ------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """As the Oracle client sees it."""
        return self.read_only or self.changed

    def begin_read_only(self) -> None:
        """SET TRANSACTION READ ONLY: from here to the commit all queries see one snapshot."""
        if self.in_transaction:
            raise OraError(1453)
        self._end("COMMIT")
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._run("SELECT 1")  # PostgreSQL takes the snapshot at the first query
        self.read_only = True

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")
        self._open.clear()

    def _end(self, how: str) -> None:
        self.read_only = self.changed = False
        if self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            self._run(how)

    def _begin(self) -> None:
        if self._connection.info.transaction_status == pq.TransactionStatus.IDLE:
            self._run("BEGIN")

    def _settle(self) -> None:
        """Hold no lock while the client neither reads nor has changed anything."""
        if not self._open and not self.in_transaction:
            self._end("COMMIT")

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        """In Oracle a failed statement leaves its transaction as it was."""
        self._begin()
        self._run("SAVEPOINT statement")
        try:
            yield
        except BaseException:
            with contextlib.suppress(OraError, psycopg.Error):
                self._run("ROLLBACK TO SAVEPOINT statement")
            self._settle()
            raise
        self._run("RELEASE SAVEPOINT statement")

    # -- dictionary --------------------------------------------------------------------------

    def resolve(self, owner: str | None, name: str) -> Relation:
        """A table, a view, a synonym's target or a dictionary view."""
        wanted = {
            "owner": owner or self.schema,
            "name": name,
            "public": None if owner and owner != "PUBLIC" else "PUBLIC",
        }
        row = self._run(_RESOLVE, wanted).fetchone()
        if row is None and owner in (None, "SYS", "PUBLIC"):
            row = self._dictionary_view(swapped(name))
        if row is None:
            raise OraError(942)
        schema, relation, chars, dates, is_hidden = row
        if is_hidden:
            raise OraError(1031)
        return Relation(schema, relation, frozenset(chars), frozenset(dates))

    def _dictionary_view(self, name: str) -> tuple[Any, ...] | None:
        if not (name.startswith(("all_", "v$")) or name in _OTHER_VIEWS):
            return None
        query = (
            "SELECT n.nspname, c.relname, ARRAY[]::text[], ARRAY[]::text[], false FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %(schema)s AND c.relname = %(name)s"
        )
        return self._run(query, {"schema": SCHEMA, "name": name}).fetchone()

    # -- queries -----------------------------------------------------------------------------

    def describe(self, translation: Translation) -> list[Column]:
        """The columns of a query's answer."""
        with self._savepoint():
            connection = self._connection.pgconn
            _checked(connection.prepare(b"", translation.sql.encode()))
            answer = _checked(connection.describe_prepared(b""))
            declared = self._declared(answer)
        names = translation.column_names
        if names is None or len(names) != answer.nfields:
            names = [swapped((answer.fname(i) or b"").decode()) for i in range(answer.nfields)]
        return [
            column(
                name,
                answer.ftype(i),
                answer.fmod(i),
                declared.get((answer.ftable(i), answer.ftablecol(i))),
            )
            for i, name in enumerate(names)
        ]

    def _declared(self, answer: pq.abc.PGresult) -> Mapping[tuple[int, int], Declared]:
        """By table and attribute number, for what is a table's column."""
        tables = {answer.ftable(i) for i in range(answer.nfields)} - {0}
        if not tables:
            return {}
        rows = self._run(_DECLARED, {"tables": list(tables)}).fetchall()
        return {(table, number): Declared(*rest) for table, number, *rest in rows}

    def query(self, translation: Translation, columns: Sequence[Column]) -> Result:
        """Run it; from the cache where the tables did not change since its answer was encoded."""
        before = self._key(translation)
        if before is not None and (blocks := self._cache.get(before)) is not None:
            self._settle()
            return from_cache(blocks)
        if before is not None and (groups := self._groups(translation, before)) is not None:
            blocks = [self._encoder(columns).encode(list(groups.values()))] if groups else []
            self._cache.put(before, blocks)
            return from_cache(blocks)
        name = f"cursor_{next(self._names)}"
        hold = "" if self.read_only else "WITH HOLD "
        with self._savepoint():
            self._run(f"DECLARE {name} NO SCROLL CURSOR {hold}FOR {translation.sql}")
        self._open.add(name)
        # Without a snapshot around both, only an unchanged version says what the cursor sees.
        key = before if before is not None and before == self._key(translation) else None
        stream = Stream(
            self._encoder(columns),
            fetch=lambda most: self._fetch(name, most),
            close=lambda: self._close(name),
            keep=lambda blocks: self._keep(key, blocks),
            capacity=-1 if key is None else self._cache.capacity,
        )
        return Result(stream.pull, stream.close)

    def _encoder(self, columns: Sequence[Column]) -> RowEncoder:
        return RowEncoder(columns, duplicate_columns=self._duplicates)

    def _groups(self, translation: Translation, key: _Key) -> Groups | None:
        """A grouped answer; only where several queries see one snapshot."""
        if translation.grouping is None or not self.read_only:
            return None
        statement = (key.sql, *(version.definition for version in key.versions))
        with self._savepoint():
            groups = answer(
                translation.grouping,
                lambda sql: self._run(sql).fetchall(),
                self._memory.get(statement),
            )
        if groups is not None:
            self._memory.put(statement, groups)
        return groups

    def _key(self, translation: Translation) -> _Key | None:
        if self.changed or not translation.is_stable or not translation.relations:
            return None
        versions = []
        for relation in sorted(translation.relations, key=str):
            if relation == Relation(SCHEMA, "dual"):
                continue
            version = self._run(_VERSION, (relation.schema, relation.name)).fetchone()
            if version is None:
                return None
            versions.append(_Version(version[:-1], version[-1]))
        return _Key(translation.sql, tuple(versions), self._duplicates)

    def _keep(self, key: _Key | None, blocks: Sequence[Block]) -> None:
        if key is not None:
            self._cache.put(key, blocks)

    def _fetch(self, name: str, most: int) -> Sequence[Sequence[str | None]]:
        if name not in self._open:
            raise OraError(1002)
        in_transaction = self._connection.info.transaction_status == pq.TransactionStatus.INTRANS
        with self._savepoint() if in_transaction else contextlib.nullcontext():
            return self._run(f"FETCH FORWARD {most} FROM {name}").fetchall()

    def _close(self, name: str) -> None:
        if name in self._open:
            self._open.discard(name)
            with contextlib.suppress(OraError):
                self._run(f"CLOSE {name}")
        self._settle()

    def change(self, translation: Translation) -> int:
        """INSERT, UPDATE or DELETE: the number of rows."""
        with self._savepoint():
            rows = self._run(translation.sql).rowcount
        self.changed = True
        return rows

    def _run(self, query: str, parameters: Any = None) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(query, parameters)
        except psycopg.Error as error:
            raise from_postgres(error) from error


_OTHER_VIEWS = {"dual", "product_component_version", "session_privs"}


def _checked(answer: pq.abc.PGresult) -> pq.abc.PGresult:
    if answer.status == pq.ExecStatus.COMMAND_OK:
        return answer
    raise from_postgres(psycopg.errors.error_from_result(answer)) from None
