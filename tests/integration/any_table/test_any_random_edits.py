"""Many runs between random edits of generated tables: the target is the source after each.

And the table as it was after each run can be rebuilt from its change history.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.any_table import AnyTables, counted
from support.changes_guide import as_of
from support.inprocess import load
from support.past import Past, Row, Rows

# The types of the stand-in's tables with a few values each, so that rows meet again.
TYPES = {
    "numeric": ["0", "1", "1e-130", "-12345678901234567890123456789012345678"],
    "numeric(9,2)": ["0", "1.10", "-9999999.99"],
    "varchar(20)": ["'a'", "'a '", "E'\\\\N'", "E'\\t\\n\\r\\\\'", "'\U0001f600e\u0301'", "'~'"],
    "character(3)": ["'a'", "'abc'", "'\u00e9'"],
    "oracle_standin.nvarchar2": ["'1'", "'1|2'", "'\U0001f600'"],
    "timestamp(0)": ["'2024-02-29 23:59:59'", "'0012-03-01'", "'0044-03-15 BC'", "'9999-12-31'"],
    "timestamp(3)": ["'2024-01-01 00:00:00.001'", "'2024-01-01'", "'1582-10-04'"],
}
YEARS, MONTHS = ["2023", "2024", "0.5"], ["1", "2", "13"]
DATES = ["'2024-01-31 12:00:00'", "'2024-02-01'", "'2024-02-02'", "'0044-03-15 BC'"]

_numbers = count(1)


@dataclass(frozen=True)
class Shape:
    """A table's columns with their types and values, and the entries of its definition."""

    columns: dict[str, tuple[str, list[str]]]
    entries: dict[str, Any]

    @property
    def rows(self) -> st.SearchStrategy[tuple[str, ...]]:
        """Rows as SQL literals."""
        return st.tuples(*map(self.values, self.columns))

    def values(self, column: str) -> st.SearchStrategy[str]:
        return st.sampled_from(["NULL", *self.columns[column][1]])

    @property
    def listed(self) -> list[str]:
        """The columns' names in SQL."""
        return [f'"{name}"' for name in self.columns]

    def period(self, row: Row) -> Hashable:
        """What a run compares this row's group by; dates are texts, with the era at the end."""
        values = dict(zip(self.columns, row, strict=True))
        match self.entries.get("period"):
            case {"date": date}:
                value = values[date]
                return value and (value.partition("-")[0], value[-2:] == "BC", value.split("-")[1])
            case {"year": year, "month": month}:
                return values[year], values[month]
        return "all"


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    kinds = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=5))
    columns = {f"c{number}": (kind, TYPES[kind]) for number, kind in enumerate(kinds)}
    entries: dict[str, Any] = {}
    match draw(st.sampled_from(["year and month", "date", "whole"])):
        case "year and month":
            columns |= {"year#": ("numeric", YEARS), "month": ("numeric(4,1)", MONTHS)}
            entries["period"] = {"year": "year#", "month": "month"}
        case "date":
            columns["date"] = (draw(st.sampled_from(["timestamp(0)", "timestamp(6)"])), DATES)
            entries["period"] = {"date": "date"}
    if draw(st.booleans()):
        columns["order"] = ("numeric", ["1", "2", "3"])
        entries["key"] = ["order"]
    names = draw(st.permutations(list(columns)))
    if draw(st.booleans()):
        entries["columns"] = names
    return Shape({name: columns[name] for name in names}, entries)


class RandomEdits(RuleBasedStateMachine):
    """What anybody may do to the source between two runs, and to the target behind our back."""

    tables: AnyTables
    source: psycopg.Connection[Any]
    target: psycopg.Connection[Any]

    @initialize(shape=shapes(), data=st.data())
    def begin(self, shape: Shape, data: st.DataObject) -> None:
        self.shape, name = shape, f"t{next(_numbers)}"
        self.table = f"apps.{name}", f"mb.{name}"
        listed = ", ".join(f'"{column}" {own}' for column, (own, _) in shape.columns.items())
        self.source.execute(f"CREATE TABLE apps.{name} ({listed})".encode())
        self.tables.define({"source": self.table[0], "target": self.table[1], **shape.entries})
        for row in data.draw(st.lists(shape.rows, max_size=8)):
            self._insert(self.source, self.table[0], row)
        self.past = Past(shape.period)
        self.run(full=True)

    @rule(data=st.data(), times=st.integers(1, 2))
    def insert(self, data: st.DataObject, times: int) -> None:
        row = data.draw(self.shape.rows)
        for _ in range(times):
            self._insert(self.source, self.table[0], row)

    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        """Any column: a period may move, or become another that is there already."""
        which, changed = (data.draw(st.sampled_from(list(self.shape.columns))) for _ in range(2))
        value = data.draw(self.shape.values(changed))
        condition = self._is(which, data.draw(self.shape.values(which)))
        self.source.execute(
            f'UPDATE {self.table[0]} SET "{changed}" = {value} WHERE {condition}'.encode()
        )

    @rule(data=st.data())
    def two_values_swap(self, data: st.DataObject) -> None:
        """Keeps what a column adds up to where its values come in pairs."""
        column = data.draw(st.sampled_from(list(self.shape.columns)))
        one, other = (data.draw(self.shape.values(column)) for _ in range(2))
        self.source.execute(
            f'UPDATE {self.table[0]} SET "{column}" = CASE WHEN {self._is(column, one)}'
            f" THEN {other} WHEN {self._is(column, other)} THEN {one}"
            f' ELSE "{column}" END::{self.shape.columns[column][0]}'.encode()
        )

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        column = data.draw(st.sampled_from(list(self.shape.columns)))
        condition = self._is(column, data.draw(self.shape.values(column)))
        self.source.execute(f"DELETE FROM {self.table[0]} WHERE {condition}".encode())

    @rule(data=st.data())
    def target_drifts(self, data: st.DataObject) -> None:
        self._insert(self.target, self.table[1], data.draw(self.shape.rows))

    @rule(rows=st.integers(1, 3))
    def target_loses_rows(self, rows: int) -> None:
        self.target.execute(
            f"DELETE FROM {self.table[1]} WHERE ctid IN"
            f" (SELECT ctid FROM {self.table[1]} ORDER BY ctid LIMIT {rows})".encode()
        )

    @rule(full=st.booleans())
    def run(self, full: bool) -> None:
        before = self._target_rows()
        done = load(self.tables.job.environ, full=full)
        source = self.tables.source_rows(self.table[0], self.shape.listed)
        assert done.run_number
        expected = self.past.run(done.run_number, source, before, full=full)
        assert self._target_rows() == expected

        again = load(self.tables.job.environ)

        assert (again.rows_deleted, again.rows_inserted) == (0, 0)
        assert sum(again.periods.values()) == again.periods["unchanged"]

    @invariant()
    def every_run_can_be_rebuilt(self) -> None:
        columns = ", ".join(self.shape.listed)
        rebuilt = {
            run: counted(self.tables.target.url, as_of(run, target=self.table[1], columns=columns))
            for run in self.past.as_of
        }

        assert rebuilt == self.past.rebuilt(self._target_rows())

    def _target_rows(self) -> Rows:
        """None before the first run."""
        if self.tables.target.query(f"SELECT to_regclass('{self.table[1]}')") == [(None,)]:
            return Rows()
        return self.tables.target_rows(self.table[1], self.shape.listed)

    def _insert(
        self, connection: psycopg.Connection[Any], table: str, row: tuple[str, ...]
    ) -> None:
        columns = ", ".join(self.shape.listed)
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(row)})".encode())

    def _is(self, column: str, value: str) -> str:
        own = self.shape.columns[column][0]
        return f'"{column}" IS NOT DISTINCT FROM {value}::{own}'


def test_generated_tables(tables: AnyTables) -> None:
    with (
        psycopg.connect(tables.behind.url, autocommit=True) as source,
        psycopg.connect(tables.target.url, autocommit=True) as target,
    ):
        machine: Any = type(
            "RandomEditsHere",
            (RandomEdits,),
            {"tables": tables, "source": source, "target": target},
        )
        case = machine.TestCase
        case.settings = settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        case().runTest()
