"""The settings, each described once: name, kind, unit, default, and a sentence for its users.

`make configuration` writes docs/configuration.md, the chart's values, their schema and the keys of
its Secret from here. To add a setting, add a field, run it, and use the field.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from etl_sales_target.config import kinds
from etl_sales_target.config.description import (
    REQUIRED,
    Group,
    Setting,
    Unset,
    read,
    secret,
    setting,
    settings_of,
)
from etl_sales_target.config.kinds import Choice, Number
from etl_sales_target.core.definitions import TableDefinition, sales_target
from etl_sales_target.core.names import TableName

ORACLE_CONNECTION = "AIRFLOW_CONN_ORACLE_CONN_ID"
POSTGRES_CONNECTION = "AIRFLOW_CONN_POSTGRES_CONN_ID"
PUSHGATEWAY_PASSWORD = "ETL_PUSHGATEWAY_PASSWORD"  # noqa: S105 - a name
OPENLINEAGE_API_KEY = "OPENLINEAGE_API_KEY"

# Names in the built-in definition; a file of definitions has its own.
_TABLE_NAMES = ("ETL_SOURCE_TABLE", "ETL_TARGET_TABLE")
_SECONDS = Number("seconds", 1, 86_400)


def _file_of_tables(text: str) -> Path | None:
    for name in _TABLE_NAMES:
        if text and name in os.environ:
            raise ValueError(f"It names the tables, so {name} must not be set.")
    return kinds.path_or_none(text)


def _pushgateway_url(text: str) -> str | None:
    login = f"ETL_PUSHGATEWAY_USER and {PUSHGATEWAY_PASSWORD}"
    url = kinds.url_of_server(text, login_belongs_in=login)
    return url.rstrip("/") if url else None


def _lineage_url(text: str) -> str | None:
    return kinds.url_of_server(text, login_belongs_in=OPENLINEAGE_API_KEY)


@dataclass(frozen=True)
class Settings:
    """The job's own settings: `batch_rows` is `ETL_BATCH_ROWS`. Names end in their unit."""

    connections_dir: Path = setting(
        Group.CONNECTIONS,
        "ETL_CONNECTIONS_DIR",
        kinds.FOLDER,
        Path("/etc/etl-sales-target/connections"),
        "The folder where the connections and other secrets are mounted, one file each. A file "
        "that is named like a variable takes precedence over it.",
    )
    oracle_mode: str = setting(
        Group.CONNECTIONS,
        "ETL_ORACLE_MODE",
        Choice(("auto", "thick", "thin")),
        "auto",
        "The Oracle driver's mode: `thick` uses Oracle's client library, `thin` needs none, "
        "`auto` does what the connection's `thick_mode` says, or is thick if the library is "
        "installed.",
    )
    oracle_client_dir: Path = setting(
        Group.CONNECTIONS,
        "ETL_ORACLE_CLIENT_DIR",
        kinds.FOLDER,
        Path("/opt/oracle/instantclient"),
        "The folder of the Oracle client library.",
    )
    tables_file: Path | None = setting(
        Group.TABLES,
        "ETL_TABLES_FILE",
        kinds.FILE._replace(parse=_file_of_tables),
        Unset("none (the sales target is loaded)"),
        "The file that defines the tables to load: see [docs/tables.md](docs/tables.md).",
        chart_value="tables",
    )
    source_table: TableName = setting(
        Group.TABLES,
        "ETL_SOURCE_TABLE",
        kinds.SOURCE_TABLE,
        Unset("`APPS.KHS_CUSTOMERS_TRX_TARGETS`", TableName("apps", "khs_customers_trx_targets")),
        "The source of the sales target: the table, view or synonym to read. Not allowed if a "
        "file defines the tables.",
    )
    target_table: TableName = setting(
        Group.TABLES,
        "ETL_TARGET_TABLE",
        kinds.TARGET_TABLE,
        Unset("`mb.sales_target`", TableName("mb", "sales_target")),
        "The sales target: the table to keep equal to the source, which is created if it is "
        "missing. Not allowed if a file defines the tables.",
    )
    changes_retention_days: int = setting(
        Group.TABLES,
        "ETL_CHANGES_RETENTION_DAYS",
        Number("days", 0, 36_500),
        400,
        "How long changes stay in the [change history](docs/changes.md). 0 means forever.",
    )
    max_shrink_percent: int = setting(
        Group.GUARDS,
        "ETL_MAX_SHRINK_PERCENT",
        Number("percent", 0, 100),
        50,
        "How much smaller than at the last load the source can be before the guard refuses the "
        "run.",
    )
    batch_rows: int = setting(
        Group.GUARDS,
        "ETL_BATCH_ROWS",
        Number("rows", 1, 1_000_000),
        10_000,
        "A round trip to Oracle fetches four times as many rows if they are short, such as five "
        "numbers; else as many, or fewer. Raise it if a round trip takes tens of milliseconds.",
    )
    connect_timeout_seconds: int = setting(
        Group.TIMEOUTS,
        "ETL_CONNECT_TIMEOUT_SECONDS",
        _SECONDS,
        20,
        "How long a database can take to accept a connection, for each of its addresses.",
    )
    call_timeout_seconds: int = setting(
        Group.TIMEOUTS,
        "ETL_CALL_TIMEOUT_SECONDS",
        _SECONDS,
        900,
        "How long either database can take to answer a call.",
    )
    lock_timeout_seconds: int = setting(
        Group.TIMEOUTS,
        "ETL_LOCK_TIMEOUT_SECONDS",
        _SECONDS,
        60,
        "How long to wait if another session has locked the target.",
    )
    retry_budget_seconds: int = setting(
        Group.TIMEOUTS,
        "ETL_RETRY_BUDGET_SECONDS",
        Number("seconds", 0, 86_400),
        120,
        "How long a run can pause in total between its attempts after temporary errors. 0 means "
        "no retries.",
    )
    log_level: str = setting(
        Group.LOGGING,
        "ETL_LOG_LEVEL",
        Choice(("DEBUG", "INFO", "WARNING", "ERROR")),
        "INFO",
        "The log level. `DEBUG` adds statements and the stack traces of named failures.",
    )
    log_format: str | None = setting(
        Group.LOGGING,
        "ETL_LOG_FORMAT",
        Choice(("json", "text")),
        Unset("`text` on a terminal, otherwise `json`", in_chart="`json`"),
        "The log format: see [docs/logs.md](docs/logs.md).",
    )
    triggered_by: str = setting(
        Group.LOGGING,
        "ETL_TRIGGERED_BY",
        kinds.TEXT,
        Unset("the host's name", os.uname().nodename, in_chart="the pod's name"),
        "Who or what started the run, for the ledger. Airflow's operator sets it for its runs.",
    )
    pushgateway_url: str | None = setting(
        Group.METRICS,
        "ETL_PUSHGATEWAY_URL",
        kinds.URL._replace(parse=_pushgateway_url),
        Unset("none (nothing is pushed)"),
        "The URL of the Prometheus Pushgateway, such as `http://pushgateway:9091`.",
    )
    pushgateway_ca_file: Path | None = setting(
        Group.METRICS,
        "ETL_PUSHGATEWAY_CA_FILE",
        kinds.FILE,
        Unset("the system's authorities"),
        "The file of the certificate authority of a Pushgateway behind https, if it is not one of "
        "the system's. In the chart, mount it with `extraVolumes`.",
    )
    pushgateway_timeout_seconds: int = setting(
        Group.METRICS,
        "ETL_PUSHGATEWAY_TIMEOUT_SECONDS",
        _SECONDS,
        10,
        "How long a push can take, retries included.",
    )
    kubernetes_namespace: str | None = setting(
        Group.METRICS,
        "ETL_KUBERNETES_NAMESPACE",
        kinds.KUBERNETES_NAMESPACE,
        Unset("none (no such label)", in_chart="the pod's own namespace"),
        "The label `namespace` of the metrics.",
    )
    pushgateway_user: str | None = setting(
        Group.METRICS,
        "ETL_PUSHGATEWAY_USER",
        kinds.TEXT,
        Unset("none"),
        "The user name for a Pushgateway that requires a login.",
    )

    @property
    def definition(self) -> TableDefinition:
        """The built-in definition, with the names of its tables."""
        return sales_target(self.source_table, self.target_table)

    @classmethod
    def read(cls) -> "Settings":
        """The settings in this process's environment.

        Raises ConfigurationError, which names the variable, for a value that cannot be used.
        """
        return read(cls)


@dataclass(frozen=True)
class LineageSettings:
    """OpenLineage's own variables: `url` is `OPENLINEAGE_URL`."""

    url: str | None = setting(
        Group.LINEAGE,
        "OPENLINEAGE_URL",
        kinds.URL._replace(parse=_lineage_url),
        Unset("none (nothing is sent)"),
        "The URL of the OpenLineage server (Marquez, DataHub …) that each run reports to, such as "
        "`http://marquez:5000`: see [docs/lineage.md](docs/lineage.md).",
    )
    endpoint: str | None = setting(
        Group.LINEAGE,
        "OPENLINEAGE_ENDPOINT",
        kinds.TEXT,
        Unset("`api/v1/lineage`"),
        "The path of the OpenLineage API on that server.",
    )
    namespace: str = setting(
        Group.LINEAGE,
        "OPENLINEAGE_NAMESPACE",
        kinds.TEXT,
        "default",
        "The job's namespace on that server.",
    )
    parent_id: str | None = setting(
        Group.LINEAGE,
        "OPENLINEAGE_PARENT_ID",
        kinds.TEXT,
        Unset("none"),
        "The task that started the run, as `NAMESPACE/JOB/RUN`. Airflow's operator sets it if "
        "Airflow has its OpenLineage provider.",
        chart_value="",
    )

    @classmethod
    def read(cls) -> "LineageSettings":
        """Those in this process's environment.

        Raises ConfigurationError where the URL cannot be used.
        """
        return read(cls)


# Never a field of the settings: each is read where it is used, from its file or its variable.
SECRETS = (
    secret(
        Group.CONNECTIONS,
        ORACLE_CONNECTION,
        "The connection to the source: `oracle://USER:PASSWORD@HOST:1521/SERVICE`.",
        words="Airflow's URI or JSON",
        default=REQUIRED,
        chart_value="connections.oracle",
    ),
    secret(
        Group.CONNECTIONS,
        POSTGRES_CONNECTION,
        "The connection to the target: `postgres://USER:PASSWORD@HOST:5432/DATABASE`.",
        words="Airflow's URI or JSON",
        default=REQUIRED,
        chart_value="connections.postgres",
    ),
    secret(
        Group.METRICS,
        PUSHGATEWAY_PASSWORD,
        "The password of `ETL_PUSHGATEWAY_USER`.",
        default=Unset("none"),
        chart_value="connections.pushgatewayPassword",
    ),
    secret(
        Group.LINEAGE,
        OPENLINEAGE_API_KEY,
        "The API key of the OpenLineage server, if it requires one.",
        default=Unset("none"),
        chart_value="connections.openLineageApiKey",
    ),
)


def all_settings() -> tuple[Setting, ...]:
    """Every setting, the secrets included: by group, in each first what is required."""
    found = [*settings_of(Settings), *settings_of(LineageSettings), *SECRETS]
    groups = [*Group]
    return tuple(sorted(found, key=lambda each: (groups.index(each.group), not each.is_required)))
