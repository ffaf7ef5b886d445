"""A command of the job, put together from its settings and connections."""

import dataclasses
import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from etl_sales_target import load as pipeline
from etl_sales_target.commands.check import CheckResult, run_checks
from etl_sales_target.commands.verify import Verification, verify
from etl_sales_target.config import airflow_connection as connections
from etl_sales_target.config.airflow_connection import OracleParameters
from etl_sales_target.config.settings import ORACLE_CONNECTION, POSTGRES_CONNECTION, Settings
from etl_sales_target.core import guards
from etl_sales_target.core.errors import JobError, NotFoundError
from etl_sales_target.core.plan import LoadRequest, Plan
from etl_sales_target.core.result import Outcome, Report
from etl_sales_target.oracle.client_library import DriverMode, choose_mode
from etl_sales_target.oracle.source import Source, initialise_driver
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.postgres.session import Postgres
from etl_sales_target.postgres.target import Target
from etl_sales_target.reporting import deliver as delivery
from etl_sales_target.reporting.lineage import Lineage
from etl_sales_target.runtime import logs, retrying, signals

if TYPE_CHECKING:
    from etl_sales_target.reporting.lineage_events import Datasets

log = structlog.get_logger()


def load(
    settings: Settings, run_id: str, request: LoadRequest, report_file: Path | None = None
) -> Report:
    """A whole run, from its connections to what it leaves, however it ends."""
    report = Report(
        run_id=run_id,
        mode=request.mode,
        triggered_by=settings.triggered_by,
        source=str(settings.source_table),
        target=str(settings.target_table),
        started_at=datetime.datetime.now(datetime.UTC),
    )
    log.info("run_started", mode=report.mode, source=report.source, target=report.target)
    lineage: Lineage | None = None
    try:
        job = Job.read(settings, run_id)
        lineage = Lineage(settings, job.datasets)
        lineage.start(report)
        job.load(request, report)
    except BaseException as error:
        if report.outcome is Outcome.RUNNING:
            report.fail(error)
        raise
    finally:
        signals.ignore()
        report.stop_clock()
        delivery.deliver(report, settings, report_file)
        if lineage is not None:
            lineage.end(report)
    log.info("run_finished", **report.summary())
    return report


@dataclass(frozen=True)
class Job:
    """What every command needs: the settings, both connections' parameters, the run's id."""

    settings: Settings
    run_id: str
    oracle: OracleParameters
    postgres: Mapping[str, str | int]
    mode: DriverMode

    @classmethod
    def read(cls, settings: Settings, run_id: str) -> "Job":
        """Raises ConfigurationError where a connection is missing or cannot be understood."""
        found = [
            connections.load(name, os.environ, settings.connections_dir)
            for name in (ORACLE_CONNECTION, POSTGRES_CONNECTION)
        ]
        logs.register_secrets(secret for connection in found for secret in connection.secrets)
        oracle = connections.oracle_parameters(found[0])
        return cls(
            settings=settings,
            run_id=run_id,
            oracle=oracle,
            postgres=connections.postgres_parameters(found[1]),
            mode=choose_mode(settings, oracle),
        )

    def load(self, request: LoadRequest, report: Report) -> None:
        """Loads, and tries again what is temporary; the ledger learns how it ended."""
        try:
            for attempt in retrying.attempts(self.settings.retry_budget_seconds):
                with attempt:
                    self._attempt(request, report, attempt.retry_state.attempt_number)
        except BaseException as error:
            if isinstance(error, JobError):
                error.fields.setdefault("phase", report.phase)
            report.fail(error)
            if not self._record_failure(report):
                raise
            # Only the commit's answer was lost, or a signal came just after it.
            report.succeed()

    @signals.stop_takes_precedence()
    def _attempt(self, request: LoadRequest, report: Report, number: int) -> None:
        before = dataclasses.replace(report)
        if number > 1:
            report.restart()
        with self._open_postgres() as postgres:
            pipeline.load(postgres, self._open_source, self.settings, request, report)
        if report.outcome is Outcome.RUNNING:
            # Nothing was left to do: the attempt before had committed without hearing it.
            vars(report).update(vars(before), retries=report.retries)

    def _record_failure(self, report: Report) -> bool:
        """Writes the failure apart from the load; returns whether that is there nevertheless."""
        if report.phase == "connect":
            return False
        try:
            with self._open_postgres() as postgres:
                postgres.begin()
                ledger = Ledger(postgres, self.settings.target_table)
                ledger.close(report)
                outcome = ledger.outcome(report.run_id)
                postgres.commit()
        except JobError as ledger_error:
            log.warning("failure_not_recorded", error=str(ledger_error))
            return False
        return outcome == Outcome.SUCCEEDED

    def datasets(self) -> "Datasets":
        """Both tables, as lineage tools name them."""
        from etl_sales_target.reporting.lineage_events import Datasets  # noqa: PLC0415

        settings = self.settings
        return Datasets.of(
            settings.source_table, settings.target_table, self.oracle.login, self.postgres
        )

    def preview(self, request: LoadRequest) -> Plan:
        """The plan that a load would carry out now. Raises GuardError where it would refuse."""
        with self._open_postgres() as postgres, self._open_source() as source:
            return pipeline.preview(postgres, source, self.settings, request)

    def guard(self, plan: Plan) -> None:
        """Raises GuardError where a load would refuse this plan."""
        guards.check_shrink(plan, self.settings.max_shrink_percent)

    def check(self) -> Iterator[CheckResult]:
        """Tries everything that a load needs, and changes nothing."""
        return run_checks(self.mode, self._open_source, self._open_postgres, self.settings)

    def verify(self, *, rows: bool) -> Verification:
        """Compares source and target as they are now."""
        with self._open_postgres() as postgres, self._open_source() as source:
            target = Target(postgres, self.settings.target_table)
            return verify(source, postgres, target, rows=rows)

    def last_runs(self, number: int) -> Sequence[Any]:
        """The last runs in the ledger, the latest first."""
        with self._open_postgres() as postgres:
            ledger = Ledger(postgres, self.settings.target_table)
            if not ledger.exists():
                raise NotFoundError("There is no ledger yet.", remedy="The first `run` makes it.")
            return ledger.last_runs(number)

    def _open_source(self) -> Source:
        log.info("driver_ready", client_library=initialise_driver(self.mode))
        source = Source(self.oracle, self.settings, self.run_id)
        log.info(
            "source_connected",
            server_version=source.server_version,
            driver_mode="thin" if source.is_thin else "thick",
        )
        return source

    def _open_postgres(self) -> Postgres:
        postgres = Postgres(self.postgres, self.settings, self.run_id)
        log.info("target_connected", server_version=postgres.server_version)
        return postgres
