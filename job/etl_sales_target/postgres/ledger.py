"""The ledger: a row for each run and for each loaded period, in two tables beside the target."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from etl_sales_target.core.names import TableName
from etl_sales_target.core.plan import Mode
from etl_sales_target.core.result import Outcome, Report
from etl_sales_target.postgres.ledger_layout import LedgerLayout
from etl_sales_target.postgres.loaded_periods import LoadedPeriods
from etl_sales_target.postgres.session import PostgresSession

# A run is overdue when it has not come back for so long after its pause.
_OVERDUE = datetime.timedelta(minutes=2)
_LONG_AGO = text("'-infinity'::timestamptz")

# A living run decides its own outcome, even where another has taken it for abandoned.
_UNDECIDED = (Outcome.RUNNING, Outcome.ABANDONED)

# By the name that every session of the job has.
_HAS_NO_SESSION = text("""
    NOT EXISTS (
        SELECT FROM pg_stat_activity
         WHERE starts_with(application_name, 'etl-sales-target ' || run_id || ' ')
    )
""")


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
        self.layout = LedgerLayout(session, target.schema)
        self._runs = self.layout.runs
        self.loaded_periods = LoadedPeriods(session, self.layout.periods, self._target)

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
