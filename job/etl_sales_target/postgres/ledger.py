"""The ledger: a row for each run and for each loaded period, in two tables beside the target.

The tables below are the one description of the layout. It only ever grows: a table or column that
is missing is added on the next run, so a newer job upgrades the layout of an older one. The layout
of 0.1, which has other keys and names, is not upgraded.
"""

import datetime
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Executable,
    Integer,
    MetaData,
    Numeric,
    Row,
    Table,
    Text,
    and_,
    any_,
    delete,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable

from etl_sales_target.core import columns, digest
from etl_sales_target.core.copy_format import Encoder
from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.digest import PeriodDigest
from etl_sales_target.core.names import LEDGER_TABLES, TableName
from etl_sales_target.core.periods import WHOLE_TABLE, Period
from etl_sales_target.core.plan import LoadedPeriod, Mode
from etl_sales_target.core.result import Outcome, Report
from etl_sales_target.postgres.session import PostgresSession

RUNS, PERIODS = LEDGER_TABLES

_LOCK_LAYOUT = text("SELECT pg_advisory_xact_lock(hashtextextended('etl-sales-target layout', 0))")

_HAS_SCHEMA = text("SELECT to_regnamespace(quote_ident(:name)) IS NOT NULL")

# A run is overdue when it has not come back for so long after its pause.
_OVERDUE = datetime.timedelta(minutes=2)
_LONG_AGO = text("'-infinity'::timestamptz")

_AT_A_TIME = 1000

T = TypeVar("T")

# A living run decides its own outcome, even where another has taken it for abandoned.
_UNDECIDED = (Outcome.RUNNING, Outcome.ABANDONED)

# By the name that every session of the job has.
_HAS_NO_SESSION = text("""
    NOT EXISTS (
        SELECT FROM pg_stat_activity
         WHERE starts_with(application_name, 'etl-sales-target ' || run_id || ' ')
    )
""")


def describe(schema: str) -> tuple[Table, Table]:
    """The tables of the runs and of the loaded periods in this schema."""
    metadata = MetaData(schema=schema)
    runs = Table(
        RUNS,
        metadata,
        Column("run_id", Text, primary_key=True),
        Column("target_table", Text, primary_key=True),
        Column("source_table", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("triggered_by", Text, nullable=False),
        Column("run_number", BigInteger),
        Column("columns", ARRAY(Text)),
        Column("history_horizon", BigInteger),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column("finished_at", DateTime(timezone=True)),
        Column("next_attempt_at", DateTime(timezone=True)),
        Column("outcome", Text, nullable=False),
        Column("phase", Text),
        Column("error_code", Text),
        Column("error", Text),
        Column("exit_code", Integer),
        Column("snapshot", DateTime(timezone=True)),
        Column("rows_source", BigInteger),
        Column("rows_target", BigInteger),
        Column("rows_read", BigInteger),
        Column("rows_inserted", BigInteger),
        Column("rows_deleted", BigInteger),
        Column("rows_unchanged", BigInteger),
        Column("periods_new", Integer),
        Column("periods_changed", Integer),
        Column("periods_removed", Integer),
        Column("periods_drifted", Integer),
        Column("periods_forced", Integer),
        Column("periods_unchanged", Integer),
        Column("retries", Integer),
        Column("seconds", Numeric),
        Column("report", JSONB),
    )
    loaded_periods = Table(
        PERIODS,
        metadata,
        Column("target_table", Text, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("period_year", Numeric),
        Column("period_month", Numeric),
        Column("row_count", BigInteger, nullable=False),
        Column("digest", Text, nullable=False),
        Column("digest_version", Text, nullable=False),
        Column("sums", JSONB, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("loaded_at", DateTime(timezone=True), nullable=False),
    )
    return runs, loaded_periods


@dataclass(frozen=True)
class LoadRecord:
    """A load on record. `number` orders the loads of a target; `columns` are names with types.

    The table can be rebuilt from its change history as of each load from number `horizon` on.
    """

    number: int
    snapshot: datetime.datetime
    columns: tuple[str, ...]
    horizon: int


class Ledger:
    """The ledger of one target, in an open session."""

    def __init__(self, session: PostgresSession, target: TableName) -> None:
        self._session = session
        self._target = str(target)
        self._schema = target.schema
        self._runs, self._periods = describe(target.schema)

    def exists(self) -> bool:
        """Whether both tables are there."""
        return all(map(self._session.column_types, (self._runs, self._periods)))

    def check(self) -> None:
        """Raises NotAllowedError where this user may not write the ledger."""
        self._session.require(self._runs, "SELECT", "INSERT", "UPDATE")
        self._session.require(self._periods, "SELECT", "INSERT", "DELETE")

    def create_missing(self) -> list[str]:
        """Makes the schema, tables and columns that are missing; returns their names."""
        if not self._missing():
            return []
        # Two first runs at once would stumble over each other, IF NOT EXISTS or not.
        self._session.execute(_LOCK_LAYOUT)
        missing = self._missing()
        for statement in missing.values():
            self._session.execute(statement)
        return list(missing)

    def _missing(self) -> dict[str, Executable]:
        """What the layout lacks, by name, each with the statement that makes it."""
        missing: dict[str, Executable] = {}
        if not self._session.execute(_HAS_SCHEMA, name=self._schema).scalar():
            missing[self._schema] = CreateSchema(self._schema)
        for table in (self._runs, self._periods):
            columns = self._session.column_types(table)
            if not columns:
                missing[str(table)] = CreateTable(table)
                continue
            for column in table.columns:
                if column.name not in columns:
                    missing[str(column)] = self._add_column(table, column)
        return missing

    def _add_column(self, table: Table, column: Column[Any]) -> Executable:
        definition = self._session.sql_of(CreateColumn(column))
        return text(f"ALTER TABLE {self._session.name_of(table)} ADD COLUMN {definition}")

    def open(self, report: Report) -> None:
        """Records that the run has begun, or goes on with its next attempt.

        Another run may have taken it for abandoned in between.
        """
        begun = insert(self._runs).values(self._row(report))
        self._session.execute(
            begun.on_conflict_do_update(
                index_elements=[self._runs.c.run_id, self._runs.c.target_table],
                set_={"outcome": Outcome.RUNNING, "finished_at": None, "next_attempt_at": None},
                where=self._runs.c.outcome.in_(_UNDECIDED),
            )
        )

    def note_pause(self, run_id: str, seconds: float) -> None:
        """Records that the run is going to make its next attempt after these seconds."""
        due = func.now() + datetime.timedelta(seconds=seconds)
        self._session.execute(
            update(self._runs).where(self._is_run(run_id)).values(next_attempt_at=due)
        )

    def outcome(self, run_id: str) -> str | None:
        """The outcome that stands in the ledger for this run."""
        found = select(self._runs.c.outcome).where(self._is_run(run_id))
        return self._session.execute(found).scalar()

    def close(self, report: Report) -> bool:
        """Writes how the run ended. False where it had already ended."""
        statement = update(self._runs).where(
            self._is_run(report.run_id), self._runs.c.outcome.in_(_UNDECIDED)
        )
        return bool(self._session.execute(statement.values(self._row(report))).rowcount)

    def last_load(self) -> LoadRecord | None:
        """The last committed load that compared the whole table, which a backfill does not.

        Its horizon is that of now: each run and each pruning can only raise it.
        """
        runs = self._runs.c
        horizon = (
            select(func.max(runs.history_horizon))
            .where(runs.target_table == self._target)
            .scalar_subquery()
            .label("horizon")
        )
        loads = (
            select(runs.run_number, runs.snapshot, runs.columns, horizon)
            .where(
                runs.target_table == self._target,
                runs.run_number.is_not(None),
                runs.mode != Mode.BACKFILL,
            )
            .order_by(runs.run_number.desc())
            .limit(1)
        )
        found = self._session.execute(loads).one_or_none()
        if found is None:
            return None
        return LoadRecord(found.run_number, found.snapshot, tuple(found.columns), found.horizon)

    def last_number(self) -> int:
        """The number of the last committed load, be it a backfill; 0 if there is none."""
        runs = self._runs.c
        statement = select(func.coalesce(func.max(runs.run_number), 0))
        return int(
            self._session.execute(statement.where(runs.target_table == self._target)).scalar_one()
        )

    def record_load(self, run_id: str, load: LoadRecord) -> None:
        """Records what the next load needs to know of this one."""
        self._session.execute(
            update(self._runs)
            .where(self._is_run(run_id))
            .values(
                run_number=load.number, columns=list(load.columns), history_horizon=load.horizon
            )
        )

    def last_load_before(self, days: int) -> int | None:
        """The number of the last load whose snapshot is older than so many days."""
        runs = self._runs.c
        statement = select(func.max(runs.run_number)).where(
            runs.target_table == self._target,
            runs.snapshot < func.now() - datetime.timedelta(days=days),
        )
        number: int | None = self._session.execute(statement).scalar()
        return number

    def raise_horizon(self, run_id: str, number: int) -> None:
        """Records in this run's row that changes of loads up to this number are not all there."""
        runs = self._runs
        self._session.execute(
            update(runs)
            .where(self._is_run(run_id))
            .values(history_horizon=func.greatest(runs.c.history_horizon, number))
        )

    def _is_run(self, run_id: str) -> ColumnElement[bool]:
        """This run's row: one run may load several targets."""
        return and_(self._runs.c.run_id == run_id, self._runs.c.target_table == self._target)

    def close_abandoned(self, run_id: str) -> list[str]:
        """Marks earlier runs that ended without a word, killed or out of memory.

        Call it under the lock: then a run that is still running has a session, by its name, or is
        between two attempts.
        """
        statement = (
            update(self._runs)
            .where(
                self._runs.c.target_table == self._target,
                self._runs.c.outcome == Outcome.RUNNING,
                self._runs.c.run_id != run_id,
                _HAS_NO_SESSION,
                func.coalesce(self._runs.c.next_attempt_at, _LONG_AGO) < func.now() - _OVERDUE,
            )
            .values(outcome=Outcome.ABANDONED, finished_at=func.now())
            .returning(self._runs.c.run_id)
        )
        return list(self._session.execute(statement).scalars())

    def earlier_runs(self, run_id: str) -> dict[str, int]:
        """How many other runs of this target ended in which way."""
        runs = self._runs
        statement = (
            select(runs.c.outcome, func.count())
            .where(
                runs.c.target_table == self._target,
                runs.c.run_id != run_id,
                runs.c.outcome != Outcome.RUNNING,
            )
            .group_by(runs.c.outcome)
        )
        return dict(self._session.execute(statement).all())  # type: ignore[arg-type]

    def loaded_periods(self) -> dict[Period, LoadedPeriod]:
        """What the last loads left in the target, by period."""
        table = self._periods
        found = select(
            table.c.period, table.c.period_year, table.c.period_month, table.c.row_count,
            table.c.digest, table.c.digest_version,
        ).where(table.c.target_table == self._target)  # fmt: skip
        # All periods share the text of their version.
        return {
            _period(*period): LoadedPeriod(rows, digest, sys.intern(version))
            for *period, rows, digest, version in self._session.stream(found)
        }

    def write_loaded_periods(
        self, digests: Mapping[Period, PeriodDigest | None], layout: TableLayout, run_id: str
    ) -> None:
        """Replaces what is on record of these periods; None: the period was removed."""
        table = self._periods
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

    def last_runs(self, number: int) -> Sequence[Row[Any]]:
        """The last runs of this target, the latest first."""
        runs = self._runs
        statement = (
            select(runs)
            .where(runs.c.target_table == self._target)
            .order_by(runs.c.started_at.desc())
            .limit(number)
        )
        return self._session.execute(statement).all()

    def _row(self, report: Report) -> dict[str, Any]:
        periods = {f"periods_{status}": count for status, count in report.periods.items()}
        return {
            "run_id": report.run_id,
            "target_table": self._target,
            "source_table": report.source,
            "mode": report.mode.value,
            "triggered_by": report.triggered_by,
            "started_at": report.started_at,
            "finished_at": report.finished_at,
            "outcome": report.outcome.value,
            "phase": report.phase.value,
            "error_code": report.error_code,
            "error": report.error,
            "exit_code": report.exit_code,
            "snapshot": report.snapshot,
            "rows_source": report.rows_source,
            "rows_target": report.rows_target,
            "rows_read": report.rows_read,
            "rows_inserted": report.rows_inserted,
            "rows_deleted": report.rows_deleted,
            "rows_unchanged": report.rows_unchanged,
            **periods,
            "retries": report.retries,
            "seconds": report.seconds,
            "report": report.as_json(),
        }


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
