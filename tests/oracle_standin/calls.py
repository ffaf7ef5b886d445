"""What a logged-in client may call: execute, fetch, commit, rollback, ping."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from oracle_standin import messages, plsql
from oracle_standin.binds import number_binds, values_by_name
from oracle_standin.conversation import Conversation, Reply
from oracle_standin.dialect import parse
from oracle_standin.errors import OraError, position_of
from oracle_standin.faults import Faults
from oracle_standin.generations import Generation
from oracle_standin.messages import CallEnd, Column
from oracle_standin.packets import BreakError, DisconnectedError
from oracle_standin.requests import (
    Ahead,
    BindType,
    Execute,
    Function,
    Option,
    PipelineMode,
    read_execute,
    read_reexecute,
)
from oracle_standin.result import Result
from oracle_standin.sql import Relation, Translation, translate
from oracle_standin.sql_types import sql_type
from oracle_standin.store import Store

_log = logging.getLogger(__name__)
_CURSOR_IDS = 0xFFFF


class Server(Protocol):
    """What calls want from their server."""

    service_name: str
    faults: Faults
    generation: Generation

    def open_store(self, user: str, is_interrupted: Callable[[], bool]) -> Store: ...


@dataclass
class Cursor:
    """A statement that the client may run again by its id, without sending it again."""

    sql: str
    bind_types: Sequence[BindType] = ()
    statement: exp.Expr | None = None
    columns: list[Column] = field(default_factory=list)
    result: Result | None = None

    def close(self) -> None:
        if self.result:
            self.result.close()
            self.result = None


class Calls:
    """The cursors of one login, and the store behind them."""

    def __init__(self, conversation: Conversation, server: Server, user: str) -> None:
        self.store = server.open_store(user, conversation.channel.is_interrupted)
        self._conversation = conversation
        self._reader = conversation.reader
        self._terms = conversation.terms
        self._server = server
        self._faults = server.faults
        self._user = user.upper()
        self._cursors: dict[int, Cursor] = {}
        self._last_id = 0
        self._pipeline: PipelineMode | None = None
        self._pipeline_error: OraError | None = None

    def answer(self, code: int) -> Reply:
        """The whole reply to one function, whose header is read."""
        match code:
            case Function.EXECUTE:
                request = read_execute(self._reader, self._terms.version)
                return self._or_error(self._execute, request)
            case Function.REEXECUTE | Function.REEXECUTE_AND_FETCH:
                request = self._read_reexecute(fetch=code == Function.REEXECUTE_AND_FETCH)
                return self._or_error(self._execute, request)
            case Function.FETCH:
                request = Execute(Option.FETCH, self._reader.universal())
                request.prefetch = self._reader.universal()
                return self._or_error(self._fetch, request)
            case Function.COMMIT:
                action = self.store.commit
            case Function.ROLLBACK:
                action = self.store.rollback
            case Function.PING:
                action = _nothing
            case Function.PIPELINE_END:
                action = _nothing
                self._reader.universal()
                self._pipeline = self._pipeline_error = None
            case _:
                raise DisconnectedError(f"function {code} is not understood")
        return self._status_after(action)

    def prepare(self, ahead: Ahead) -> None:
        """Do what came ahead of a request."""
        for cursor_id in ahead.closed:
            if cursor := self._cursors.pop(cursor_id, None):
                cursor.close()
        if ahead.schema:
            self.store.schema = ahead.schema.upper()
        if ahead.pipeline:
            self._pipeline = ahead.pipeline

    def _read_reexecute(self, *, fetch: bool) -> Execute:
        cursor_id = self._reader.universal()
        cursor = self._cursors.get(cursor_id)
        request = read_reexecute(self._reader, cursor.bind_types if cursor else (), fetch=fetch)
        request.cursor_id = cursor_id
        return request

    def _or_error(self, answer: Callable[[Execute], bytes], request: Execute) -> Reply:
        try:
            self._raise_pipeline_error()
            return Reply(answer(request))
        except OraError as error:
            return self._failure(error, request)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            _log.exception("cannot answer %s", request)
            return self._failure(OraError(600, f"internal error code ({error!r})"), request)

    def _raise_pipeline_error(self) -> None:
        """Behind a failure in a pipeline that ends there, nothing runs any more.

        The code is inferred: python-oracledb drops these answers, and needs each of them.
        """
        if self._pipeline_error:
            raise OraError(1013)

    def _failure(self, error: OraError, request: Execute) -> Reply:
        cursor = self._cursors.get(request.cursor_id)
        sql = cursor.sql if cursor else request.sql or ""
        if self._pipeline == PipelineMode.ABORT:
            self._pipeline_error = error
        if unknown := re.match(r'(?:".*"\.)?"(.*)": invalid identifier', error.message):
            error.position = position_of(unknown[1], sql)
        return self._conversation.failure(
            error,
            cursor_id=request.cursor_id if cursor else 0,
            sql_type=sql_type(sql),
            in_transaction=self.store.in_transaction,
        )

    def _status_after(self, action: Callable[[], None]) -> Reply:
        try:
            self._raise_pipeline_error()
            action()
        except OraError as error:
            return self._conversation.failure(error, in_transaction=self.store.in_transaction)
        return Reply(messages.status(self._call_end()))

    def _call_end(self) -> CallEnd:
        return self._conversation.call_end(in_transaction=self.store.in_transaction)

    def _completion(
        self, cursor: Cursor, cursor_id: int, *, rows: int = 0, end: OraError | None = None
    ) -> bytes:
        """`end`: ORA-01403, which is no failure."""
        return messages.completion(
            self._terms.error_version,
            self._call_end(),
            cursor_id=cursor_id,
            rows=rows,
            error=end,
            sql_type=sql_type(cursor.sql),
        )

    def _pause(self, seconds: float) -> None:
        if seconds and self._conversation.channel.is_interrupted(seconds):
            raise BreakError

    # -- execute -----------------------------------------------------------------------------

    def _execute(self, request: Execute) -> bytes:
        cursor = self._cursor_of(request)
        self._pause(self._faults.execute_delay(cursor.sql))
        self._faults.raise_due(cursor.sql)
        cursor.close()
        if plsql.asks_transaction_id(cursor.sql):
            return self._remember(request, cursor, messages.out_binds([plsql.TRANSACTION_ID]))
        if self._session_statement(cursor.sql):
            return self._remember(request, cursor, b"")
        if cursor.statement is None:
            cursor.statement = parse(
                number_binds(cursor.sql)[0], knows_except=self._server.generation.knows_except
            )
        if isinstance(cursor.statement, exp.Query):
            return self._query(request, cursor)
        return self._change(request, cursor)

    def _cursor_of(self, request: Execute) -> Cursor:
        if request.sql is not None:
            return Cursor(request.sql, request.bind_types)
        cursor = self._cursors.get(request.cursor_id)
        if cursor is None:
            raise OraError(1001)
        if request.bind_types:
            cursor.bind_types = request.bind_types
        return cursor

    def _remember(
        self,
        request: Execute,
        cursor: Cursor,
        reply: bytes,
        *,
        rows: int = 0,
        end: OraError | None = None,
    ) -> bytes:
        if not request.cursor_id:
            request.cursor_id = self._free_id()
        self._cursors[request.cursor_id] = cursor
        return b"".join(
            [
                reply,
                messages.execute_parameters(request.cursor_id),
                self._completion(cursor, request.cursor_id, rows=rows, end=end),
            ]
        )

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % _CURSOR_IDS + 1
            if self._last_id not in self._cursors:
                return self._last_id

    def _session_statement(self, sql: str) -> bool:
        """Whether it was one about the transaction or the session, which is then done."""
        if plsql.begins_read_only(sql):
            self.store.begin_read_only()
        elif end := plsql.transaction_end(sql):
            self.store.commit() if end == "commit" else self.store.rollback()
        elif schema := plsql.new_schema(sql):
            self.store.schema = schema
        elif not plsql.changes_nothing(sql):
            return False
        return True

    def _translate(self, cursor: Cursor, row: Sequence[bytes | None]) -> Translation:
        values = [bind.decode(data) for bind, data in zip(cursor.bind_types, row, strict=True)]
        assert cursor.statement is not None

        def resolve(owner: str | None, name: str) -> Relation:
            try:
                return self.store.resolve(owner, name)
            except OraError as error:
                error.position = position_of(name, cursor.sql)
                raise

        return translate(cursor.statement, resolve, values_by_name(values), self._context())

    def _query(self, request: Execute, cursor: Cursor) -> bytes:
        row = request.bind_rows[0] if request.bind_rows else []
        translation = self._translate(cursor, row)
        columns = self.store.describe(translation)
        reply = b""
        if Option.PARSE in request.options or Option.DESCRIBE in request.options:
            cursor.columns = columns
            reply = messages.describe(columns, self._terms)
        elif columns != cursor.columns:
            raise OraError(932, "inconsistent datatypes: the table was altered")
        if Option.DESCRIBE in request.options:
            return self._remember(request, cursor, reply)
        cursor.result = self.store.query(translation, columns)
        if Option.FETCH not in request.options or not request.prefetch:
            return self._remember(request, cursor, reply)
        try:
            rows, end = self._rows(cursor, request.prefetch)
        except OraError:
            cursor.close()
            raise
        return self._remember(request, cursor, reply + rows, rows=cursor.result.sent, end=end)

    def _change(self, request: Execute, cursor: Cursor) -> bytes:
        if Option.BATCH_ERRORS in request.options:
            raise OraError(3001, "unimplemented feature: batch errors")
        changed = 0
        for row in request.bind_rows or [[]]:
            changed += self.store.change(self._translate(cursor, row))
        if Option.COMMIT in request.options:
            self.store.commit()
        return self._remember(request, cursor, b"", rows=changed)

    # -- fetch -------------------------------------------------------------------------------

    def _fetch(self, request: Execute) -> bytes:
        cursor = self._cursors.get(request.cursor_id)
        if cursor is None or cursor.result is None:
            raise OraError(1002)
        self._pause(self._faults.fetch_delay(cursor.sql))
        rows, end = self._rows(cursor, request.prefetch)
        return rows + self._completion(cursor, request.cursor_id, rows=cursor.result.sent, end=end)

    def _rows(self, cursor: Cursor, most: int) -> tuple[bytes, OraError | None]:
        """The messages of up to `most` rows, and ORA-01403 where there were fewer."""
        assert cursor.result is not None
        before = cursor.result.sent
        self._faults.call_back(cursor.sql, before)
        taken, rows = cursor.result.take(most)
        self._faults.raise_due(cursor.sql, max(cursor.result.sent, before + 1))
        self._pause(self._faults.row_delay(cursor.sql) * (cursor.result.sent - before))
        header = messages.row_header(len(cursor.columns), most) if taken else b""
        return header + rows, messages.NO_DATA_FOUND if taken < most else None

    def _context(self) -> Mapping[str, str]:
        """SYS_CONTEXT('userenv', key)."""
        name = self._server.service_name
        return {
            "current_schema": self.store.schema,
            "current_user": self._user,
            "session_user": self._user,
            "service_name": name,
            "db_name": name,
            "db_unique_name": name,
            "instance_name": name,
            "con_name": name,
        }


def _nothing() -> None:
    """What a ping does."""
