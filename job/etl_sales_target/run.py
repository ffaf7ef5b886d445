"""A run: its tables, its attempts, and the report it leaves however it ends.

`cli` makes the exit code.
"""

import datetime
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from etl_sales_target.config.settings import Settings
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.errors import Failure, JobError, StoppedError
from etl_sales_target.core.plan import LoadRequest
from etl_sales_target.core.result import (
    Attempt,
    Outcome,
    Phase,
    Report,
    RunIdentity,
    make_report,
)
from etl_sales_target.load import Load
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.reporting import deliver
from etl_sales_target.reporting.deliver import ReportWriter
from etl_sales_target.runtime import logs, memory, retrying, signals
from etl_sales_target.services import Services, pushgateway

log = structlog.get_logger()

# What a reader on a terminal wants of the last line; the report has the rest.
_SHOWN = logs.shown(
    "run_id", "outcome", "rows_source", "rows_target", "rows_read", "rows_inserted",
    "rows_deleted", "rows_per_second", "retries", "warnings", "seconds", "peak_memory_bytes",
)  # fmt: skip


class TablesFailedError(JobError):
    """Some of several tables failed; its exit code is that of the most serious failure."""

    def __init__(self, failures: Mapping[str, JobError], tables: int) -> None:
        worst = most_serious(failures.values())
        self.exit_code = worst.exit_code
        self.reason = worst.reason
        said = " ".join(f"{table}: {error}" for table, error in failures.items())
        super().__init__(f"{len(failures)} of {tables} tables failed. {said}", code=worst.code)


# Exit codes, the most serious first.
_SERIOUS = (70, 78, 77, 69, 65, 75)


def most_serious(failures: Iterable[JobError]) -> JobError:
    """The failure whose exit code several failures have."""
    return min(failures, key=lambda error: _SERIOUS.index(error.exit_code))


def each_table(
    definitions: Sequence[TableDefinition], work: Callable[[TableDefinition], object]
) -> None:
    """Works on the tables one after the other: one that fails does not stop the next.

    With one table, raises its failure. With several, raises TablesFailedError after all were tried,
    and StoppedError at once.
    """
    if len(definitions) == 1:
        work(definitions[0])
        return
    failures: dict[str, JobError] = {}
    for definition in definitions:
        table = str(definition.target)
        with structlog.contextvars.bound_contextvars(target_table=table):
            try:
                with signals.stop_takes_precedence():
                    work(definition)
            except StoppedError as stop:
                raise StoppedError(f"{table}: {stop.message}", **stop.fields) from stop
            except Exception as error:  # noqa: BLE001 - whatever it is, the next one is tried
                failures[table] = _logged(error)
        # Its sessions form cycles, and `cli` makes the collector wait long for them.
        gc.collect(0)
    if failures:
        raise TablesFailedError(failures, len(definitions))


def run_tables(
    settings: Settings,
    run_id: str,
    request: LoadRequest,
    definitions: Sequence[TableDefinition],
    report_to: ReportWriter,
) -> None:
    """Loads the tables, each with a snapshot, a lock and a commit of its own."""

    def load(definition: TableDefinition) -> None:
        # The table before it may have ended while a signal was postponed.
        if definition is not definitions[0]:
            signals.resume("it and the tables after it were not loaded")
        Run(settings, run_id, request, definition).execute(report_to)

    try:
        each_table(definitions, load)
    finally:
        # Whatever comes now comes too late, to the end of the process.
        signals.ignore()


def _logged(error: Exception) -> JobError:
    """Logs the failure of one of several tables, with the stack trace if it is a bug."""
    failure = error if isinstance(error, JobError) else JobError(f"{type(error).__name__}: {error}")
    log.error(
        "table_failed", error=failure.message, remedy=failure.remedy, code=failure.code,
        reason=failure.reason.value, exc_info=None if error is failure else error,
        **failure.fields,
    )  # fmt: skip
    return failure


class Run:
    """The load of one table in an invocation of `run` or `backfill`."""

    def __init__(
        self,
        settings: Settings,
        run_id: str,
        request: LoadRequest,
        definition: TableDefinition,
    ) -> None:
        self._settings = settings
        self._request = request
        self._definition = definition
        self._identity = RunIdentity(
            run_id=run_id,
            mode=request.mode,
            triggered_by=settings.triggered_by,
            source=str(definition.source),
            target=str(definition.target),
            started_at=datetime.datetime.now(datetime.UTC),
        )
        self._attempts = [Attempt()]
        # The attempt that the report is about: the last, unless an earlier one had committed.
        self._decisive = self._attempts[0]

    def execute(self, report_to: ReportWriter) -> Report:
        """Loads, retries what is temporary, and delivers the report.

        Raises the error that made the run fail, after its report is delivered.
        """
        run = self._identity
        log.info("run_started", mode=run.mode, source=run.source, target=run.target)
        lineage = None
        failure: BaseException | None = None
        try:
            services = Services.read(self._settings, run.run_id)
            lineage = services.lineage(self._definition)
            started = self._report(Outcome.RUNNING)
            if lineage:
                lineage.emit(started)
            deliver.push(started, lambda: pushgateway(self._settings))
            self._load(services)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported, then raised
            failure = error
        signals.postpone()
        if not self._decisive.ended_at:
            self._decisive.end(peak_memory_bytes=memory.peak_bytes())
        report = self._report(Outcome.FAILED if failure else Outcome.SUCCEEDED, failure)
        report_to.write(report)
        deliver.push(report, lambda: pushgateway(self._settings))
        if lineage:
            lineage.emit(report, self._decisive.columns)
        if failure:
            raise failure
        log.info("run_finished", **report.summary(), **_SHOWN)
        return report

    def _load(self, services: Services) -> None:
        try:
            for attempt in retrying.attempts(
                self._settings.retry_budget_seconds,
                lambda seconds: self._note_pause(services, seconds),
            ):
                with attempt:
                    self._attempt(services, attempt.retry_state.attempt_number)
        except BaseException as error:
            self._decisive.end(peak_memory_bytes=memory.peak_bytes())
            if isinstance(error, Failure):
                error.fields.setdefault("phase", self._decisive.phase)
            # Was only the commit's answer lost?
            if not self._record_failure(services, error):
                raise

    @signals.stop_takes_precedence()
    def _attempt(self, services: Services, number: int) -> None:
        if number > 1:
            self._attempts.append(Attempt())
        attempt = self._decisive = self._attempts[-1]
        with services.open_postgres() as session:
            load = Load(
                definition=self._definition,
                request=self._request,
                max_shrink_percent=self._settings.max_shrink_percent,
                changes_retention_days=self._settings.changes_retention_days,
                run_id=self._identity.run_id,
                attempt=attempt,
                report=self._report,
            )
            if not load.execute(session, lambda: services.open_source(self._definition)):
                self._decisive = self._committed()

    def _note_pause(self, services: Services, seconds: float) -> None:
        """Tells other runs that this one, which has no session now, is not abandoned."""
        if not self._is_on_record():
            return
        try:
            with services.open_postgres() as session:
                ledger = Ledger(session, self._definition.target)
                ledger.note_pause(self._identity.run_id, seconds)
                session.commit()
        except JobError as error:
            log.warning("pause_not_recorded", error=str(error))

    def _record_failure(self, services: Services, error: BaseException) -> bool:
        """Records the failure apart from the load; returns whether that had committed after all."""
        if not self._is_on_record():
            return False
        try:
            with services.open_postgres() as session:
                ledger = Ledger(session, self._definition.target)
                ledger.close(self._report(Outcome.FAILED, error))
                outcome = ledger.outcome(self._identity.run_id)
                session.commit()
        except JobError as ledger_error:
            log.warning("failure_not_recorded", error=str(ledger_error))
            return False
        if outcome != Outcome.SUCCEEDED:
            return False
        self._decisive = self._committed()
        return True

    def _is_on_record(self) -> bool:
        return any(attempt.phase is not Phase.CONNECT for attempt in self._attempts)

    def _committed(self) -> Attempt:
        """The last attempt that came as far as its commit."""
        return next(each for each in reversed(self._attempts) if Phase.COMMIT in each.phase_seconds)

    def _report(self, outcome: Outcome, error: BaseException | None = None) -> Report:
        """The one place that makes a report."""
        return make_report(
            self._identity,
            self._decisive,
            outcome=outcome,
            now=datetime.datetime.now(datetime.UTC),
            retries=len(self._attempts) - 1,
            memory_limit_bytes=memory.limit_bytes(),
            error=_reported(error) if error else None,
        )


def _reported(error: BaseException) -> Failure:
    """The error without a secret; of one that the job cannot name, its type alone."""
    if not isinstance(error, Failure):
        return JobError(type(error).__name__)
    message, remedy = logs.redact(error.message), logs.redact(error.remedy)
    return type(error)(message, code=error.code, remedy=remedy)
