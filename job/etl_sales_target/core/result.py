"""What a run did: its attempts as they go, and the report of how it ended.

docs/report.schema.json describes the report as JSON.
"""

import dataclasses
import datetime
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from etl_sales_target import __version__
from etl_sales_target.core.columns import Column
from etl_sales_target.core.errors import Failure
from etl_sales_target.core.plan import Mode, Plan

# Enough to see what happened, little enough for XCom and the ledger.
_LISTED_PERIODS = 100


class Phase(StrEnum):
    """The timed steps of a run, in order; what comes between two counts as the earlier one.

    `connect` is to PostgreSQL; connecting to Oracle comes after `lock`.
    """

    CONNECT = "connect"
    LOCK = "lock"
    CHECK = "check"
    DIGEST = "digest"
    PLAN = "plan"
    COPY = "copy"
    APPLY = "apply"
    RECONCILE = "reconcile"
    COMMIT = "commit"
    VACUUM = "vacuum"
    PRUNE = "prune"


class Outcome(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"  # killed: a later run found it unfinished


@dataclass(frozen=True)
class RunIdentity:
    """Which run it is. `started_at` is UTC."""

    run_id: str
    mode: Mode
    triggered_by: str
    source: str
    target: str
    started_at: datetime.datetime


@dataclass
class Attempt:
    """What one attempt of a run has found and done so far; a failed one has it as well.

    Times are UTC; None is what the attempt did not get to know.
    """

    phase: Phase = Phase.CONNECT
    phase_seconds: dict[Phase, float] = field(default_factory=dict)
    abandoned_runs: list[str] = field(default_factory=list)
    earlier_runs: dict[str, int] | None = None
    columns: Sequence[Column] = ()
    snapshot: datetime.datetime | None = None
    plan: Plan | None = None
    run_number: int | None = None
    rows_read: int = 0
    rows_inserted: int = 0
    rows_deleted: int = 0
    warnings: list[str] = field(default_factory=list)
    ended_at: datetime.datetime | None = None
    peak_memory_bytes: int = 0
    bytes_from_oracle: int | None = None
    bytes_to_postgres: int = 0

    @contextmanager
    def timed(self, phase: Phase) -> Iterator[None]:
        """Makes this the current phase, and adds the block's time to it."""
        self.phase = phase
        start = time.monotonic()
        try:
            yield
        finally:
            seconds = self.phase_seconds.get(phase, 0) + time.monotonic() - start
            self.phase_seconds[phase] = round(seconds, 3)

    def end(self, *, peak_memory_bytes: int) -> None:
        """Notes when the attempt was about to commit, or failed, and its memory until then."""
        self.ended_at = datetime.datetime.now(datetime.UTC)
        self.peak_memory_bytes = peak_memory_bytes

    @property
    def rows_per_second(self) -> int:
        """How fast the rows were read and copied into the target or to be compared with it."""
        seconds = self.phase_seconds.get(Phase.COPY)
        return round(self.rows_read / seconds) if seconds else 0


@dataclass(frozen=True)
class Report:
    """A run as it is delivered: one JSON document for the log, the ledger, XCom and `--report`.

    Times are UTC, durations seconds; `periods` counts periods by status, `touched` lists the first
    hundred that were read or deleted, with their rows in the source and, before the run, in the
    target; `rows_unchanged` are those of the target that the run did not write; `earlier_runs`
    counts the ledger's other runs by outcome. None is what the run did not get to know.
    """

    run_id: str
    mode: Mode
    triggered_by: str
    source: str
    target: str
    started_at: datetime.datetime
    version: str
    run_number: int | None
    outcome: Outcome
    finished_at: datetime.datetime | None
    phase: Phase
    snapshot: datetime.datetime | None
    periods: dict[str, int]
    touched: list[dict[str, Any]]
    rows_source: int | None
    rows_target: int | None
    rows_read: int
    rows_inserted: int
    rows_deleted: int
    rows_unchanged: int | None
    rows_per_second: int
    warnings: list[str]
    abandoned_runs: list[str]
    earlier_runs: dict[str, int] | None
    retries: int
    bytes_from_oracle: int | None
    bytes_to_postgres: int
    peak_memory_bytes: int
    memory_limit_bytes: int | None
    seconds: float
    phase_seconds: dict[Phase, float]
    exit_code: int
    reason: str | None
    error: str | None
    error_code: str | None
    remedy: str | None

    def summary(self) -> dict[str, Any]:
        """The report in a log line's length: what is known, without periods and exit code."""
        details = {"touched", "exit_code"}
        return {
            key: value
            for key, value in self.as_json().items()
            if key not in details and value not in (None, [])
        }

    def as_json(self) -> dict[str, Any]:
        """The document: times in ISO 8601, everything else as it is."""
        return {
            key: value.isoformat() if isinstance(value, datetime.datetime) else value
            for key, value in dataclasses.asdict(self).items()
        }


def make_report(
    run: RunIdentity,
    attempt: Attempt,
    *,
    outcome: Outcome,
    now: datetime.datetime,
    retries: int,
    memory_limit_bytes: int | None,
    error: Failure | None = None,
) -> Report:
    """The report of a run that this attempt decided, and that failed by `error`."""
    plan = attempt.plan
    rows_target = plan.rows_after if plan and outcome is Outcome.SUCCEEDED else None
    return Report(
        **vars(run),
        version=__version__,
        run_number=attempt.run_number,
        outcome=outcome,
        finished_at=attempt.ended_at,
        phase=attempt.phase,
        snapshot=attempt.snapshot,
        periods=plan.statuses if plan else {},
        touched=_touched(plan) if plan else [],
        rows_source=plan.rows_source if plan else None,
        rows_target=rows_target,
        rows_read=attempt.rows_read,
        rows_inserted=attempt.rows_inserted,
        rows_deleted=attempt.rows_deleted,
        rows_unchanged=None if rows_target is None else rows_target - attempt.rows_inserted,
        rows_per_second=attempt.rows_per_second,
        warnings=attempt.warnings,
        abandoned_runs=attempt.abandoned_runs,
        earlier_runs=attempt.earlier_runs,
        retries=retries,
        bytes_from_oracle=attempt.bytes_from_oracle,
        bytes_to_postgres=attempt.bytes_to_postgres,
        peak_memory_bytes=attempt.peak_memory_bytes,
        memory_limit_bytes=memory_limit_bytes,
        seconds=round((now - run.started_at).total_seconds(), 3),
        phase_seconds=attempt.phase_seconds,
        exit_code=error.exit_code if error else 0,
        reason=error.reason.value if error else None,
        error=error.message if error else None,
        error_code=error.code if error else None,
        remedy=error.remedy if error else None,
    )


def _touched(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "period": str(entry.period),
            "status": entry.status.value,
            "rows_source": entry.rows_source,
            "rows_target": entry.rows_target,
        }
        for entry in plan.touched[:_LISTED_PERIODS]
    ]
