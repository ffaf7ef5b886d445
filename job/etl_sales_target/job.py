"""A run of the job, put together from its settings and connections."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog

from etl_sales_target import connections, logs, pipeline
from etl_sales_target.check import CheckResult, run_checks
from etl_sales_target.client_library import DriverMode, choose_mode
from etl_sales_target.connections import OracleParameters
from etl_sales_target.errors import JobError
from etl_sales_target.model import Months, Report
from etl_sales_target.settings import ORACLE_CONNECTION, POSTGRES_CONNECTION, Settings
from etl_sales_target.source import Source, initialise_driver
from etl_sales_target.target import Target

log = structlog.get_logger()


@dataclass(frozen=True)
class Job:
    """What every command needs: the settings, both connections' parameters, the run's id."""

    settings: Settings
    run_id: str
    command: str
    oracle: OracleParameters
    postgres: Mapping[str, str | int]
    mode: DriverMode

    @classmethod
    def read(cls, settings: Settings, run_id: str, command: str) -> "Job":
        """Raises ConfigurationError where a connection is missing or cannot be understood."""
        found = [
            connections.load(name, os.environ, settings.connections_dir)
            for name in (ORACLE_CONNECTION, POSTGRES_CONNECTION)
        ]
        logs.hide(secret for connection in found for secret in connection.secrets)
        oracle = connections.oracle_parameters(found[0])
        return cls(
            settings=settings,
            run_id=run_id,
            command=command,
            oracle=oracle,
            postgres=connections.postgres_parameters(found[1]),
            mode=choose_mode(settings, oracle),
        )

    def load(self, months: Months | None = None) -> None:
        """Loads, and logs how it went. Raises JobError with the phase in its fields."""
        report = Report(run_id=self.run_id, command=self.command)
        log.info(
            "run_started",
            command=self.command,
            source=str(self.settings.source_table),
            target=str(self.settings.target_table),
        )
        try:
            log.info("driver_ready", client_library=initialise_driver(self.mode))
            pipeline.load(self._open_target, self._open_source, report, months)
        except JobError as error:
            error.fields.setdefault("phase", report.phase)
            raise
        log.info("run_finished", **report.as_fields())

    def check(self) -> Iterator[CheckResult]:
        """Tries everything that a load needs, and changes nothing."""
        return run_checks(self.mode, self._open_source, self._open_target)

    def _open_source(self) -> Source:
        source = Source(self.oracle, self.settings, self.run_id)
        log.info(
            "source_connected",
            server_version=source.server_version,
            driver_mode="thin" if source.is_thin else "thick",
        )
        return source

    def _open_target(self) -> Target:
        target = Target(self.postgres, self.settings, self.run_id)
        log.info("target_connected", server_version=target.server_version)
        return target
