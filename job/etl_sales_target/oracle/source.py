"""The source table: described, then digested, added up and read in one snapshot."""

import contextlib
import dataclasses
import datetime
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import cached_property
from typing import Any

import oracledb
from sqlalchemy import Select

from etl_sales_target.core import control_totals, digest, statements
from etl_sales_target.core.columns import NUMBER, Kind
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.errors import DataError, NotFoundError, TemporaryError
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable
from etl_sales_target.oracle import columns
from etl_sales_target.oracle.session import OracleSession, Rows

# The driver decodes a whole round trip's rows. So many of them at a time move on, and are sent
# while a processor's own cache still holds them: see docs/benchmark.md.
_ROWS_AT_A_TIME = 1000

# Over a distance, round trips decide how long a load takes: see docs/benchmark.md.
_BATCHES_A_ROUND_TRIP = 4
# Longer rows come a batch at a time: four batches of them would take too much memory.
_BYTES_OF_SHORT_ROWS = 5 * NUMBER.most_bytes

# What the rows of a round trip can take, if each is as long as its columns allow.
_BYTES_A_ROUND_TRIP = 16 * 2**20

# In the calendar that the session's NLS_CALENDAR may have changed.
_NOW = """
    select to_char(sys_extract_utc(systimestamp), 'YYYY-MM-DD"T"HH24:MI:SS"Z"',
                   'NLS_CALENDAR=GREGORIAN')
      from dual
"""

_NO_COLUMN = "ORA-00904"

_READ_DICTIONARY = "read Oracle's dictionary"

_OBJECT_TYPE = """
    select object_type from all_objects
     where owner = :owner and object_name = :name order by object_type
"""

_SYNONYM = """
    select table_owner, table_name from all_synonyms where owner = :owner and synonym_name = :name
"""

_TABLE_COMMENT = """
    select comments from all_tab_comments where owner = :owner and table_name = :name
"""

_COLUMN_COMMENTS = """
    select column_name, comments from all_col_comments
     where owner = :owner and table_name = :name and comments is not null
"""


class Source:
    """A table of Oracle, in an open session."""

    def __init__(
        self, session: OracleSession, definition: TableDefinition, *, batch_rows: int
    ) -> None:
        self._session = session
        self._definition = definition
        self._name = definition.source
        self._batch_rows = batch_rows

    @property
    def bytes_received(self) -> int | None:
        """What the server has sent so far, where the kernel counts it."""
        return self._session.bytes_received

    @cached_property
    def layout(self) -> TableLayout:
        """The definition with the source's columns, which Oracle is asked for once.

        Raises NotFoundError if the table or a column is missing, or a column has a type that the
        job does not load; ConfigurationError if the definition does not fit the columns.
        """
        try:
            found = self._description(self._definition.columns)
        except NotFoundError as error:
            self._name_missing_columns(error)
            raise
        return TableLayout(self._definition, columns.describe(self._name, found))

    def _description(self, names: Sequence[str] | None) -> Sequence[oracledb.FetchInfo]:
        statement = statements.no_rows(self._name, names, self._session.spell)
        # The driver makes room for all rows of a round trip, and this one brings none.
        with self._query(statement, row_bytes=_BYTES_A_ROUND_TRIP) as rows:
            return rows.description

    def _name_missing_columns(self, error: NotFoundError) -> None:
        """Raises NotFoundError for the columns of the definition that the source does not have."""
        if error.code != _NO_COLUMN or not self._definition.columns:
            return
        there = {each.name.lower() for each in self._description(None) if each.name.isupper()}
        missing = [name for name in self._definition.columns if name not in there]
        if missing:
            left = ", ".join(name for name in self._definition.columns if name in there)
            raise NotFoundError(
                f"{self._name} has no column {', '.join(missing)}.",
                remedy=f"Leave it out, with `columns: [{left}]` in ETL_TABLES_FILE.",
                code=error.code,
            ) from error

    @cached_property
    def _sql(self) -> SqlTable:
        return SqlTable(self._name, self.layout, self._session.spell)

    def _fetch_rows(self, row_bytes: int) -> int:
        """How many rows of at most this length a round trip brings."""
        batches = _BATCHES_A_ROUND_TRIP if row_bytes <= _BYTES_OF_SHORT_ROWS else 1
        most = batches * self._batch_rows
        return max(1, min(most, _BYTES_A_ROUND_TRIP // row_bytes))

    def resolve(self) -> str:
        """What the source's name stands for: table, view or synonym, from Oracle's dictionary.

        Raises NotFoundError where this user sees no such object.
        """
        found = self._session.first_row(
            _OBJECT_TYPE, doing=_READ_DICTIONARY, **_owner_and_name(self._name)
        )
        if found is None:
            raise NotFoundError(
                f"{self._name} does not exist, or this user is not allowed to see it.",
                remedy="Correct the source's name, or ask the DBA for SELECT on it.",
            )
        synonym = self._synonym()
        return f"synonym for {'.'.join(synonym)}" if synonym else str(found[0]).lower()

    def _synonym(self) -> tuple[str, str] | None:
        """Owner and name of what the source's name is a synonym for."""
        found = self._session.first_row(
            _SYNONYM, doing=_READ_DICTIONARY, **_owner_and_name(self._name)
        )
        return (str(found[0]), str(found[1])) if found else None

    def layout_with_comments(self) -> TableLayout:
        """The layout with the comments of the table and its columns."""
        owner, name = self._synonym() or tuple(_owner_and_name(self._name).values())
        place = {"owner": owner, "name": name}
        table = self._session.first_row(_TABLE_COMMENT, doing=_READ_DICTIONARY, **place)
        found = self._session.all_rows(_COLUMN_COMMENTS, doing=_READ_DICTIONARY, **place)
        comments = {column.lower(): comment for column, comment in found}
        return dataclasses.replace(
            self.layout,
            comment=table[0] if table else None,
            columns=tuple(
                dataclasses.replace(column, comment=comments.get(column.name))
                for column in self.layout.columns
            ),
        )

    def begin_snapshot(self) -> datetime.datetime:
        """From here on, all queries see one moment of the source. Returns Oracle's time of it."""
        self._session.begin_read_only()
        (now,) = self._session.first_row(_NOW, doing="begin a snapshot") or ("",)
        return datetime.datetime.fromisoformat(now)

    def digests(self) -> Mapping[Period, PeriodDigest]:
        """Each period's control totals and digest, in one scan."""
        row_bytes = digest.width(self.layout) * NUMBER.most_bytes
        with self._query(digest.statement(self._sql), row_bytes=row_bytes, literal=True) as rows:
            return digest.read(map(_decimals, _all(rows)), self.layout)

    def control_totals(self) -> Mapping[Period, ControlTotals]:
        """Each period's rows, non-null counts and sums."""
        row_bytes = control_totals.width(self.layout) * NUMBER.most_bytes
        with self._query(control_totals.statement(self._sql, None), row_bytes=row_bytes) as rows:
            return control_totals.read(map(_decimals, _all(rows)), self.layout)

    def batches(self, periods: Sequence[Period] | None) -> Generator[Batch, None, None]:
        """All rows of these periods (None: of the table), a few at a time, by one query.

        A round trip brings four times `ETL_BATCH_ROWS` if rows are short, else once, or fewer.

        If you might not read it to its end, close it while the connection is still open.
        """
        row_bytes = sum(column.type.most_bytes for column in self.layout.columns)
        at_a_time = min(_ROWS_AT_A_TIME, self._batch_rows, self._fetch_rows(row_bytes))
        statement = statements.source_rows(self._sql, periods)
        with self._valid_texts(), self._query(statement, row_bytes=row_bytes) as rows:
            self._require_columns(rows)
            while batch := rows.next(at_a_time):
                yield batch

    @contextlib.contextmanager
    def _valid_texts(self) -> Iterator[None]:
        """Raises DataError for a text that the driver cannot decode, without saying which."""
        try:
            yield
        except UnicodeDecodeError as error:
            texts = [each.name for each in self.layout.columns if each.type.kind is Kind.TEXT]
            where = (
                f"Column {texts[0]}" if len(texts) == 1 else f"One of columns {', '.join(texts)}"
            )
            raise DataError(
                f"{where} of {self._name} has a text that is not valid in its character set.",
                remedy="Correct the text in the source, or leave the column out of `columns`.",
            ) from error

    def _query(
        self, statement: Select[Any], *, row_bytes: int, literal: bool = False
    ) -> AbstractContextManager[Rows]:
        return self._session.query(
            statement,
            doing=f"read {self._name}",
            fetch_rows=self._fetch_rows(row_bytes),
            literal=literal,
        )

    def _require_columns(self, rows: Rows) -> None:
        """Raises TemporaryError where the columns are no longer those of the layout."""
        for column, found in zip(self.layout.columns, rows.description, strict=True):
            if not columns.is_as_described(found, column):
                raise TemporaryError(
                    f"Column {column.name} of {self._name} is no longer {column.type.source}.",
                    remedy="The source is being changed; the next attempt reads what it is then.",
                    column=column.name,
                )


def _owner_and_name(table: TableName) -> dict[str, str]:
    return {"owner": table.schema.upper(), "name": table.name.upper()}


def _all(rows: Rows) -> Iterator[tuple[str | None, ...]]:
    while batch := rows.next(_ROWS_AT_A_TIME):
        yield from batch


def _decimals(row: Sequence[str | None]) -> list[Decimal | None]:
    return [None if value is None else Decimal(value) for value in row]
