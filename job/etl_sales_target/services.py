"""What a command works with, made of its settings: both databases, the Pushgateway, lineage.

It gives the databases and the reporting the values of the settings that they need. What a run needs
last, or only where it is asked for, is imported here when it is needed.
"""

import datetime
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from etl_sales_target.config import airflow_connection, secret_files
from etl_sales_target.config.settings import (
    OPENLINEAGE_API_KEY,
    ORACLE_CONNECTION,
    POSTGRES_CONNECTION,
    PUSHGATEWAY_PASSWORD,
    LineageSettings,
    Settings,
)
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.oracle import client_library
from etl_sales_target.oracle import parameters as oracle_parameters
from etl_sales_target.oracle.client_library import DriverMode
from etl_sales_target.oracle.parameters import OracleParameters
from etl_sales_target.oracle.session import OracleSession, initialise_driver
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres import parameters as postgres_parameters
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.runtime import logs

if TYPE_CHECKING:
    from etl_sales_target.reporting.lineage import Lineage
    from etl_sales_target.reporting.pushgateway import Pushgateway

log = structlog.get_logger()

_INSTALL_LINEAGE = "Install etl-sales-target[lineage]; the image has it."


def begin() -> tuple[Settings, str]:
    """The settings, and the id of this invocation, which stands on every line of its log."""
    settings = Settings.read()
    run_id = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    logs.configure(settings.log_level, settings.log_format, run_id=run_id)
    return settings, run_id


@dataclass(frozen=True)
class Services:
    """Both databases as the settings describe them, ready to be opened."""

    settings: Settings
    run_id: str
    oracle: OracleParameters
    postgres: Mapping[str, str | int]
    driver_mode: DriverMode
    lineage_settings: LineageSettings

    @classmethod
    def read(cls, settings: Settings, run_id: str) -> "Services":
        """Raises ConfigurationError for a connection or a lineage URL that cannot be used."""
        found = [
            airflow_connection.load(name, os.environ, settings.connections_dir)
            for name in (ORACLE_CONNECTION, POSTGRES_CONNECTION)
        ]
        logs.register_secrets(secret for connection in found for secret in connection.secrets)
        oracle = oracle_parameters.parameters(found[0])
        return cls(
            settings=settings,
            run_id=run_id,
            oracle=oracle,
            postgres=postgres_parameters.parameters(found[1]),
            driver_mode=client_library.choose_mode(
                settings.oracle_mode, settings.oracle_client_dir, oracle
            ),
            lineage_settings=LineageSettings.read(),
        )

    def open_oracle(self) -> OracleSession:
        """A session of the source's database."""
        log.info("driver_ready", client_library=initialise_driver(self.driver_mode))
        session = OracleSession(
            self.oracle,
            run_id=self.run_id,
            connect_timeout_seconds=self.settings.connect_timeout_seconds,
            call_timeout_seconds=self.settings.call_timeout_seconds,
        )
        log.info(
            "source_connected",
            server_version=session.server_version,
            driver_mode="thin" if session.is_thin else "thick",
        )
        return session

    def source(self, session: OracleSession, definition: TableDefinition) -> Source:
        """The definition's source table in this session."""
        return Source(session, definition, batch_rows=self.settings.batch_rows)

    @contextmanager
    def open_source(self, definition: TableDefinition) -> Iterator[Source]:
        """The definition's source table in a session of its own."""
        with self.open_oracle() as session:
            yield self.source(session, definition)

    def open_postgres(self) -> PostgresSession:
        """A session of the target's database."""
        session = PostgresSession(
            self.postgres,
            run_id=self.run_id,
            connect_timeout_seconds=self.settings.connect_timeout_seconds,
            call_timeout_seconds=self.settings.call_timeout_seconds,
            lock_timeout_seconds=self.settings.lock_timeout_seconds,
        )
        log.info("target_connected", server_version=session.server_version)
        return session

    def lineage(self, definition: TableDefinition) -> "Lineage | None":
        """Where the events of this table's run go; None where no server is set or can be used."""
        settings = self.lineage_settings
        if not settings.url:
            return None
        try:
            from etl_sales_target.reporting.lineage import Lineage  # noqa: PLC0415
            from etl_sales_target.reporting.lineage_events import datasets  # noqa: PLC0415

            api_key = _secret(OPENLINEAGE_API_KEY, self.settings)
        except (ImportError, ConfigurationError) as error:
            remedy = getattr(error, "remedy", None) or _INSTALL_LINEAGE
            log.warning("lineage_failed", error=str(error), remedy=remedy)
            return None
        address = self.oracle.address
        return Lineage(
            url=settings.url,
            endpoint=settings.endpoint,
            api_key=api_key,
            namespace=settings.namespace,
            parent=settings.parent_id,
            datasets=datasets(
                definition,
                source_host=address.host,
                source_port=address.port,
                source_service=address.service,
                target=self.postgres,
            ),
        )


def definitions(settings: Settings) -> tuple[TableDefinition, ...]:
    """The tables to load: those of the file where one is set, else the built-in one.

    Raises ConfigurationError for a file that cannot be used.
    """
    if settings.tables_file is None:
        return (settings.definition,)
    from etl_sales_target.config import tables_file  # noqa: PLC0415

    return tuple(tables_file.read(settings.tables_file))


def pushgateway(settings: Settings) -> "Pushgateway | None":
    """Where the metrics go; None where no Pushgateway is set. Raises ConfigurationError."""
    if not settings.pushgateway_url:
        return None
    from etl_sales_target.reporting.pushgateway import Pushgateway  # noqa: PLC0415

    return Pushgateway(
        url=settings.pushgateway_url,
        timeout_seconds=settings.pushgateway_timeout_seconds,
        user=settings.pushgateway_user,
        password=_secret(PUSHGATEWAY_PASSWORD, settings),
        ca_file=settings.pushgateway_ca_file,
        namespace=settings.kubernetes_namespace,
    )


def _secret(name: str, settings: Settings) -> str | None:
    secret = secret_files.read_secret(name, os.environ, settings.connections_dir)
    logs.register_secrets([secret])
    return secret
