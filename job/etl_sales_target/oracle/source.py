"""The source table: checked, then digested, added up and read in one snapshot."""

import datetime
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from sqlalchemy import Select

from etl_sales_target.core import control_totals, digest, statements
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.errors import NotFoundError
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import Period
from etl_sales_target.oracle.session import OracleSession, Rows

# Bounds the length of one statement's WHERE; each further group is one more query.
_PERIODS_A_QUERY = 200

# The driver decodes a whole round trip's rows. So many of them at a time move on, and are sent
# while a processor's own cache still holds them: see docs/benchmark.md.
_ROWS_AT_A_TIME = 1000

# In the calendar that the session's NLS_CALENDAR may have changed.
_NOW = """
    select to_char(sys_extract_utc(systimestamp), 'YYYY-MM-DD"T"HH24:MI:SS"Z"',
                   'NLS_CALENDAR=GREGORIAN')
      from dual
"""

_READ_DICTIONARY = "read Oracle's dictionary"

_OBJECT_TYPE = """
    select object_type from all_objects
     where owner = :owner and object_name = :name order by object_type
"""

_SYNONYM = """
    select table_owner, table_name from all_synonyms where owner = :owner and synonym_name = :name
"""


class Source:
    """A table of Oracle, in an open session."""

    def __init__(self, session: OracleSession, name: TableName, *, batch_rows: int) -> None:
        self._session = session
        self._name = name
        self._table = statements.describe(name, session.spell)
        self._batch_rows = batch_rows

    @property
    def bytes_received(self) -> int | None:
        """What the server has sent so far, where the kernel counts it."""
        return self._session.bytes_received

    def check_columns(self) -> None:
        """Raises NotFoundError where the table or a column is missing, or is no NUMBER."""
        with self._query(statements.no_rows(self._table)) as rows:
            self._require_numbers(rows)

    def resolve(self) -> str:
        """What the source's name stands for: table, view or synonym, from Oracle's dictionary.

        Raises NotFoundError where this user sees no such object.
        """
        name = {"owner": self._name.schema.upper(), "name": self._name.name.upper()}
        found = self._session.first_row(_OBJECT_TYPE, doing=_READ_DICTIONARY, **name)
        if found is None:
            raise NotFoundError(
                f"There is no {self._name}, or this user may not see it.",
                remedy="Correct ETL_SOURCE_TABLE, or ask the DBA for SELECT on it.",
            )
        synonym = self._session.first_row(_SYNONYM, doing=_READ_DICTIONARY, **name)
        return f"synonym for {'.'.join(synonym)}" if synonym else str(found[0]).lower()

    def begin_snapshot(self) -> datetime.datetime:
        """From here on all queries see one moment of the source. Returns Oracle's time of it."""
        self._session.begin_read_only()
        (now,) = self._session.first_row(_NOW, doing="begin a snapshot") or ("",)
        return datetime.datetime.fromisoformat(now)

    def digests(self) -> Mapping[Period, PeriodDigest]:
        """Each period's control totals and digest, in one scan."""
        with self._query(digest.statement(self._table), literal=True) as rows:
            return digest.read(map(_decimals, rows.all()))

    def control_totals(self) -> Mapping[Period, ControlTotals]:
        """Each period's rows, non-null counts and sums."""
        with self._query(control_totals.statement(self._table, None)) as rows:
            return control_totals.read(map(_decimals, rows.all()))

    def repeated_ids(self) -> int:
        """How many rows have an id that another row has already."""
        with self._query(statements.repeated_ids(self._table)) as rows:
            ((number,),) = rows.all()
            return int(number or 0)

    def batches(self, periods: Sequence[Period] | None) -> Generator[Batch, None, None]:
        """All rows of these periods (None: of the table), a few at a time.

        A round trip brings `ETL_BATCH_ROWS`; no batch has more than that.

        Close it where it may not be read to its end: while the connection still stands.
        """
        at_a_time = min(_ROWS_AT_A_TIME, self._batch_rows)
        for group in _groups(periods):
            with self._query(statements.rows(self._table, group)) as rows:
                self._require_numbers(rows)
                while batch := rows.next(at_a_time):
                    yield batch

    def _query(
        self, statement: Select[Any], *, literal: bool = False
    ) -> AbstractContextManager[Rows]:
        return self._session.query(
            statement, doing=f"read {self._name}", fetch_rows=self._batch_rows, literal=literal
        )

    def _require_numbers(self, rows: Rows) -> None:
        for column, column_type in rows.column_types.items():
            if column_type != "NUMBER":
                raise NotFoundError(
                    f"Column {column} of {self._name} is {column_type}, not NUMBER.",
                    remedy="Point ETL_SOURCE_TABLE at a table whose five columns are NUMBER.",
                    column=column,
                )


def _decimals(row: Sequence[str | None]) -> list[Decimal | None]:
    return [None if value is None else Decimal(value) for value in row]


def _groups(periods: Sequence[Period] | None) -> Iterator[Sequence[Period] | None]:
    if periods is None:
        yield None
        return
    for start in range(0, len(periods), _PERIODS_A_QUERY):
        yield periods[start : start + _PERIODS_A_QUERY]
