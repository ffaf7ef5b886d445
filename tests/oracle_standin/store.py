"""PostgreSQL behind one Oracle session: its transaction and its cursors."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.types.string import TextLoader

from oracle_standin.cache import Cache
from oracle_standin.datatypes import column
from oracle_standin.dictionary import Dictionary, Version
from oracle_standin.errors import OraError, from_postgres
from oracle_standin.functions import SCHEMA
from oracle_standin.groups import GroupMemory, Groups, answer
from oracle_standin.interruptible import InterruptibleConnection
from oracle_standin.messages import Column
from oracle_standin.names import swapped
from oracle_standin.result import Result, Stream, from_cache
from oracle_standin.rows import Block, RowEncoder
from oracle_standin.sql import Relation, Translation


class _Key(NamedTuple):
    """All that an encoded answer depends on."""

    sql: str
    versions: tuple[Version, ...]
    duplicates: bool


class Store:
    """One PostgreSQL connection. Its errors come out as Oracle's.

    Without `caching` every answer is PostgreSQL's own, encoded anew.
    """

    def __init__(
        self,
        database_url: str,
        user: str,
        cache: Cache,
        memory: GroupMemory,
        *,
        duplicates: bool,
        is_interrupted: Callable[[], bool],
        caching: bool = True,
    ) -> None:
        self.schema = user.upper()
        self.read_only = False
        self.changed = False
        self._cache = cache
        self._memory = memory
        self._duplicates = duplicates
        self._caching = caching
        self._dictionary = Dictionary(self._run)
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

    def resolve(self, owner: str | None, name: str) -> Relation:
        """Where the session means this name to be."""
        return self._dictionary.resolve(self.schema, owner, name)

    # -- queries -----------------------------------------------------------------------------

    def describe(self, translation: Translation) -> list[Column]:
        """The columns of a query's answer."""
        with self._savepoint():
            connection = self._connection.pgconn
            _checked(connection.prepare(b"", translation.sql.encode()))
            answer = _checked(connection.describe_prepared(b""))
            tables = {answer.ftable(i) for i in range(answer.nfields)} - {0}
            declared = self._dictionary.declared(tables)
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
        if not (self._caching and translation.is_stable and translation.relations):
            return None
        if self.changed:
            return None
        versions = []
        for relation in sorted(translation.relations, key=str):
            if relation == Relation(SCHEMA, "dual"):
                continue
            version = self._dictionary.version(relation)
            if version is None:
                return None
            versions.append(version)
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


def _checked(answer: pq.abc.PGresult) -> pq.abc.PGresult:
    if answer.status == pq.ExecStatus.COMMAND_OK:
        return answer
    raise from_postgres(psycopg.errors.error_from_result(answer)) from None
