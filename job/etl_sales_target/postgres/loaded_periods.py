"""The loaded periods on record: what the last load left in each period, and its digest then."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from sqlalchemy import ARRAY, Table, Text, any_, delete, literal, select

from etl_sales_target.core import columns, digest
from etl_sales_target.core.copy_format import Encoder
from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.periods import WHOLE_TABLE, Period
from etl_sales_target.core.plan import LoadedPeriod
from etl_sales_target.postgres.session import PostgresSession

_AT_A_TIME = 1000

T = TypeVar("T")


class LoadedPeriods:
    """The loaded periods of one target, in this table of the ledger."""

    def __init__(self, session: PostgresSession, table: Table, target: str) -> None:
        self._session = session
        self._table = table
        self._target = target

    def read(self) -> dict[Period, LoadedPeriod]:
        """What the last loads left in the target, by period."""
        table = self._table
        found = select(
            table.c.period, table.c.period_year, table.c.period_month, table.c.row_count,
            table.c.digest, table.c.digest_version,
        ).where(table.c.target_table == self._target)  # fmt: skip
        # All periods share the text of their version.
        return {
            _period(*period): LoadedPeriod(rows, digest, sys.intern(version))
            for *period, rows, digest, version in self._session.stream(found)
        }

    def write(
        self, digests: Mapping[Period, PeriodDigest | None], layout: TableLayout, run_id: str
    ) -> None:
        """Replaces what is on record of these periods; None: the period was removed."""
        table = self._table
        for periods in _parts(digests):
            names = literal(list(map(str, periods)), ARRAY(Text))
            self._session.execute(
                delete(table).where(
                    table.c.target_table == self._target, table.c.period == any_(names)
                )
            )
        version = digest.version(layout)
        found = (
            (
                self._target, str(period), *period.texts, str(each.totals.rows), each.digest,
                version, _sums(each, layout), run_id, "now",
            )
            for period, each in digests.items() if each
        )  # fmt: skip
        encoder = Encoder([columns.Column(column.name, columns.TEXT) for column in table.columns])
        self._session.copy(table, _parts(found), encoder)


def _parts(all_of_them: Iterable[T]) -> Iterator[list[T]]:
    """A thousand at a time, which bounds the memory that they take on their way."""
    remaining = iter(all_of_them)
    while part := list(islice(remaining, _AT_A_TIME)):
        yield part


def _period(text: str, year: Decimal | None, month: Decimal | None) -> Period:
    return WHOLE_TABLE if text == str(WHOLE_TABLE) else Period(year, month)


def _sums(found: PeriodDigest, layout: TableLayout) -> str:
    sums = zip(layout.names, found.totals.sums, strict=True)
    return json.dumps({name: None if n is None else f"{n:f}" for name, n in sums})
