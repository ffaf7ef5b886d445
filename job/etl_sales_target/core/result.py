"""The report of a run: one JSON document for the log, the ledger, XCom and `--report`.

docs/report.schema.json describes it.
"""

import dataclasses
import datetime
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from etl_sales_target import __version__
from etl_sales_target.core.errors import JobError
from etl_sales_target.core.plan import Plan
from etl_sales_target.runtime import logs, memory

# Enough to see what happened, little enough for XCom and a log line.
_LISTED_PERIODS = 100


class Outcome(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"  # killed: a later run found it unfinished


@dataclass
class Report:
    """What a run did: filled in as the run goes, so that a failed run has one too.

    Times are UTC, durations seconds; `periods` counts periods by state, `reloaded` lists the first
    hundred that were reloaded, `earlier_runs` counts the ledger's other runs by outcome. None is
    what the run did not get to know.
    """

    run_id: str
    mode: str
    triggered_by: str
    source: str
    target: str
    started_at: datetime.datetime
    version: str = __version__
    outcome: Outcome = Outcome.RUNNING
    finished_at: datetime.datetime | None = None
    phase: str = "connect"
    snapshot: datetime.datetime | None = None
    periods: dict[str, int] = field(default_factory=dict)
    reloaded: list[dict[str, Any]] = field(default_factory=list)
    rows_source: int | None = None
    rows_target: int | None = None
    rows_deleted: int = 0
    rows_copied: int = 0
    rows_per_second: int = 0
    warnings: list[str] = field(default_factory=list)
    abandoned_runs: list[str] = field(default_factory=list)
    earlier_runs: dict[str, int] | None = None
    retries: int = 0
    bytes_from_oracle: int | None = None
    bytes_to_postgres: int = 0
    peak_memory_bytes: int = 0
    memory_limit_bytes: int | None = field(default_factory=memory.limit_bytes)
    seconds: float = 0.0
    phase_seconds: dict[str, float] = field(default_factory=dict)
    exit_code: int = 0
    reason: str | None = None
    error: str | None = None
    error_code: str | None = None
    remedy: str | None = None

    def note_plan(self, plan: Plan) -> None:
        """What is going to happen."""
        self.periods = plan.statuses
        self.rows_source = plan.rows_source
        self.reloaded = [
            {
                "period": str(entry.period),
                "status": entry.status.value,
                "rows_deleted": entry.rows_to_delete,
                "rows_copied": entry.rows_to_copy,
            }
            for entry in plan.reloads[:_LISTED_PERIODS]
        ]

    def restart(self) -> None:
        """Forgets the last attempt, but not that there was one."""
        fresh = Report(
            run_id=self.run_id,
            mode=self.mode,
            triggered_by=self.triggered_by,
            source=self.source,
            target=self.target,
            started_at=self.started_at,
            retries=self.retries + 1,
        )
        vars(self).update(vars(fresh))

    def succeed(self) -> None:
        """The last word of a run that is about to commit, or is found to have committed."""
        self._finish(Outcome.SUCCEEDED)
        self.exit_code = 0
        self.reason = self.error = self.error_code = self.remedy = None

    def fail(self, error: BaseException) -> None:
        """The last word of a run that could not load."""
        self._finish(Outcome.FAILED)
        known = error if isinstance(error, JobError) else JobError(type(error).__name__)
        self.exit_code, self.reason = known.exit_code, known.reason.value
        self.error = logs.redact(known.message)
        self.error_code = known.code
        self.remedy = logs.redact(known.remedy)

    def _finish(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.finished_at = datetime.datetime.now(datetime.UTC)
        self.peak_memory_bytes = memory.peak_bytes()
        self.stop_clock()

    def stop_clock(self) -> None:
        """The run's duration is what has passed until now."""
        now = datetime.datetime.now(datetime.UTC)
        self.seconds = round((now - self.started_at).total_seconds(), 3)

    def summary(self) -> dict[str, Any]:
        """The report in a log line's length: what is known, without the list of periods."""
        details = {"reloaded", "exit_code"}
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
