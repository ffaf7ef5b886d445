"""Many runs between random edits: the target is the source after each, and nothing else moved.

And the table as it was after each run can be rebuilt from its change history.
"""

from collections import Counter
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from etl_sales_target.core import plan
from support.changes_guide import as_of
from support.command import Job
from support.inprocess import load
from support.past import Past, Rows
from support.source_database import SourceDatabase, SourceRow
from support.target_database import TargetDatabase

Number = Decimal | None

COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")

small = st.one_of(st.none(), st.integers(0, 3).map(Decimal))
years = st.one_of(st.none(), st.sampled_from([Decimal(2023), Decimal(2024)]))
months = st.one_of(st.none(), st.sampled_from([Decimal(n) for n in (1, 2, 12, 13)]))
rows = st.tuples(small, small, months, years, small)


def literal(value: Number) -> str:
    return "NULL" if value is None else str(value)


def is_equal(column: str, value: Number) -> str:
    return f"{column} IS NULL" if value is None else f"{column} = {value}"


def period_is(month: Number, year: Number) -> str:
    return f"{is_equal('target_month', month)} AND {is_equal('target_year', year)}"


class RandomEdits(RuleBasedStateMachine):
    """What anybody may do to the source between two runs, and to the target behind our back."""

    job: Job
    source: SourceDatabase
    target: TargetDatabase

    inserted = Bundle("inserted")

    @initialize()
    def begin(self) -> None:
        self.source.execute("DELETE FROM {table}")
        load(self.job.environ, full=True)  # whatever the last example left
        self.past = Past(period=lambda row: row[2:4])
        self.run(full=True)

    @rule(target=inserted, row=rows, times=st.integers(1, 2))
    def insert(self, row: SourceRow, times: int) -> SourceRow:
        self.source.insert([row] * times)
        return row

    @rule(row=inserted)
    def delete(self, row: SourceRow) -> None:
        conditions = map(is_equal, COLUMNS, row)
        self.source.execute(f"DELETE FROM {{table}} WHERE {' AND '.join(conditions)}")

    @rule(row=inserted, amount=small)
    def change_amount(self, row: SourceRow, amount: Number) -> None:
        self.source.execute(
            f"UPDATE {{table}} SET target_amount = {literal(amount)} WHERE {period_is(*row[2:4])}"
            f" AND {is_equal('id', row[0])}"
        )

    @rule(month=months, year=years)
    def period_is_removed(self, month: Number, year: Number) -> None:
        self.source.execute(f"DELETE FROM {{table}} WHERE {period_is(month, year)}")

    @rule(month=months, year=years, to_month=months, to_year=years)
    def period_moves(self, month: Number, year: Number, to_month: Number, to_year: Number) -> None:
        self.source.execute(
            f"UPDATE {{table}} SET target_month = {literal(to_month)},"
            f" target_year = {literal(to_year)} WHERE {period_is(month, year)}"
        )

    @rule(month=months, year=years)
    def amounts_turn_round(self, month: Number, year: Number) -> None:
        """Keeps count and sum of a period whose amounts are 0 to 3 in pairs."""
        self.source.execute(
            f"UPDATE {{table}} SET target_amount = 3 - target_amount WHERE {period_is(month, year)}"
        )

    @rule(month=months, year=years)
    def period_drifts(self, month: Number, year: Number) -> None:
        self.target.execute(
            f"INSERT INTO mb.sales_target VALUES (9, 9, {literal(month)}, {literal(year)}, 9)"
        )

    @rule(month=months, year=years)
    def period_drifts_away(self, month: Number, year: Number) -> None:
        self.target.execute(f"DELETE FROM mb.sales_target WHERE {period_is(month, year)}")

    @rule(month=months, year=years, amount=small)
    def period_drifts_unseen(self, month: Number, year: Number, amount: Number) -> None:
        """Keeps the number of rows, which is all that a run looks at."""
        self.target.execute(
            f"UPDATE mb.sales_target SET target_amount = {literal(amount)}"
            f" WHERE {period_is(month, year)}"
        )

    @rule(full=st.booleans())
    def run(self, full: bool) -> None:
        before, versions = self._rows(), self._versions()
        report = load(self.job.environ, full=full)

        assert report.run_number
        source = Counter(self.source.rows())
        expected = self.past.run(report.run_number, source, before, full=full)
        assert self._rows() == expected
        assert sum(report.periods.values()) - report.periods["unchanged"] == len(self.past.touched)
        kept = (before & expected).total()
        assert len(versions & self._versions()) == report.rows_unchanged == kept

    @invariant()
    def every_run_can_be_rebuilt(self) -> None:
        rebuilt = {run: Counter(self.target.query(as_of(run))) for run in self.past.as_of}

        assert rebuilt == self.past.rebuilt(self._rows())

    @invariant()
    def every_period_is_in_the_ledger(self) -> None:
        with psycopg.connect(self.target.url) as connection:
            found = connection.execute(
                "SELECT period_month, period_year, row_count FROM mb.etl_sales_target_periods"
            ).fetchall()
        loaded = Counter(self.past.period(row) for row in self.past.left.elements())
        assert {(month, year): rows for month, year, rows in found} == loaded

    def _rows(self) -> Rows:
        return Counter(self.target.rows()) if self.target.exists() else Counter()

    def _versions(self) -> set[tuple[Any, ...]]:
        """Each row with its place and the transaction that wrote it."""
        if not self.target.exists():
            return set()
        columns = ", ".join(COLUMNS)
        return set(
            self.target.query(f"SELECT {columns}, ctid::text, xmin::text FROM mb.sales_target")
        )


@pytest.mark.parametrize("rows_a_slice", [1, 1_000_000])
def test_random_edits(
    job: Job,
    source: SourceDatabase,
    target: TargetDatabase,
    monkeypatch: pytest.MonkeyPatch,
    rows_a_slice: int,
) -> None:
    """Compared all at once, or in as many slices as there may be."""
    monkeypatch.setattr(plan, "_ROWS_A_SLICE", rows_a_slice)
    machine: Any = type(
        "RandomEditsHere", (RandomEdits,), {"job": job, "source": source, "target": target}
    )
    case = machine.TestCase
    case.settings = settings(max_examples=5, stateful_step_count=20, deadline=None)
    case().runTest()
