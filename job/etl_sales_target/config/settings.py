"""The job's settings: every `ETL_` variable, its default and its limits, read once."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from environs import Env, EnvError, ValidationError, validate

from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName

ORACLE_CONNECTION = "AIRFLOW_CONN_ORACLE_CONN_ID"
POSTGRES_CONNECTION = "AIRFLOW_CONN_POSTGRES_CONN_ID"

# Secrets beside the connections: never a field of the settings.
PUSHGATEWAY_PASSWORD = "ETL_PUSHGATEWAY_PASSWORD"  # noqa: S105
OPENLINEAGE_API_KEY = "OPENLINEAGE_API_KEY"

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$#]*"
# PostgreSQL cuts names at 63 bytes, without an error; the names of further tables add to this one.
_TARGET_NAME_BYTES = 55
_TABLE_NAME = re.compile(rf"({_IDENTIFIER})\.({_IDENTIFIER})")


@dataclass(frozen=True)
class LineageSettings:
    """OpenLineage's own variables: `url` is `OPENLINEAGE_URL`."""

    url: str | None
    endpoint: str | None
    namespace: str
    parent_id: str | None

    @classmethod
    def read(cls) -> "LineageSettings":
        """Those in this process's environment; empty ones are not set."""
        env = Env(prefix="OPENLINEAGE_")
        return cls(
            url=env.str("URL", "") or None,
            endpoint=env.str("ENDPOINT", "") or None,
            namespace=env.str("NAMESPACE", "") or "default",
            parent_id=env.str("PARENT_ID", "") or None,
        )


@dataclass(frozen=True)
class Settings:
    """One field a variable: `batch_rows` is `ETL_BATCH_ROWS`. Names end in their unit."""

    connections_dir: Path
    source_table: TableName
    target_table: TableName
    batch_rows: int
    oracle_mode: str
    oracle_client_dir: Path
    connect_timeout_seconds: int
    call_timeout_seconds: int
    lock_timeout_seconds: int
    retry_budget_seconds: int
    max_shrink_percent: int
    triggered_by: str
    pushgateway_url: str | None
    pushgateway_user: str | None
    pushgateway_ca_file: Path | None
    pushgateway_timeout_seconds: int
    log_level: str
    log_format: str | None

    @property
    def definition(self) -> TableDefinition:
        """The table that is loaded, and where to."""
        return TableDefinition(source=self.source_table, target=self.target_table)

    @classmethod
    def read(cls) -> "Settings":
        """The settings in this process's environment.

        Raises ConfigurationError, naming the variable, for a value that cannot be used.
        """
        env = Env(prefix="ETL_")
        env.add_parser("table", _table_name)
        env.add_parser("target_table", _target_table_name)
        env.add_parser("url_of_server", _url_of_server)
        seconds = {"validate": validate.Range(min=1, max=86_400)}
        try:
            return cls(
                connections_dir=env.path(
                    "CONNECTIONS_DIR", Path("/etc/etl-sales-target/connections")
                ),
                source_table=env.table("SOURCE_TABLE", "APPS.KHS_CUSTOMERS_TRX_TARGETS"),
                target_table=env.target_table("TARGET_TABLE", "mb.sales_target"),
                batch_rows=env.int(
                    "BATCH_ROWS", 5_000, validate=validate.Range(min=1, max=1_000_000)
                ),
                oracle_mode=env.str(
                    "ORACLE_MODE", "auto", validate=validate.OneOf(["auto", "thick", "thin"])
                ),
                oracle_client_dir=env.path("ORACLE_CLIENT_DIR", Path("/opt/oracle/instantclient")),
                connect_timeout_seconds=env.int("CONNECT_TIMEOUT_SECONDS", 20, **seconds),
                call_timeout_seconds=env.int("CALL_TIMEOUT_SECONDS", 900, **seconds),
                lock_timeout_seconds=env.int("LOCK_TIMEOUT_SECONDS", 60, **seconds),
                retry_budget_seconds=env.int(
                    "RETRY_BUDGET_SECONDS", 120, validate=validate.Range(min=0, max=86_400)
                ),
                max_shrink_percent=env.int(
                    "MAX_SHRINK_PERCENT", 50, validate=validate.Range(min=0, max=100)
                ),
                triggered_by=env.str("TRIGGERED_BY", os.uname().nodename),
                pushgateway_url=env.url_of_server("PUSHGATEWAY_URL", None),
                pushgateway_user=env.str("PUSHGATEWAY_USER", "") or None,
                pushgateway_ca_file=_path(env.str("PUSHGATEWAY_CA_FILE", "")),
                pushgateway_timeout_seconds=env.int("PUSHGATEWAY_TIMEOUT_SECONDS", 10, **seconds),
                log_level=env.str(
                    "LOG_LEVEL",
                    "INFO",
                    validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]),
                ),
                log_format=env.str("LOG_FORMAT", None, validate=_json_or_text),
            )
        except EnvError as error:
            raise ConfigurationError(
                f"A setting cannot be used: {_sentence(error)}",
                remedy="The README's table of settings says what each accepts.",
            ) from error


def _table_name(text: str) -> TableName:
    match = _TABLE_NAME.fullmatch(text)
    if not match:
        raise EnvError(f"{text!r} is not SCHEMA.TABLE in letters, digits, '_', '$' and '#'")
    return TableName(schema=match[1].lower(), name=match[2].lower())


def _target_table_name(text: str) -> TableName:
    name = _table_name(text)
    for part in (name.schema, name.name):
        if len(part.encode()) > _TARGET_NAME_BYTES:
            raise EnvError(f"{part!r} has more than {_TARGET_NAME_BYTES} bytes")
    return name


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _url_of_server(text: str) -> str | None:
    """Its value may hold a password, so the error does not repeat it."""
    if not text:
        return None
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise EnvError("it is no URL such as http://pushgateway:9091")
    if "@" in url.netloc:
        raise EnvError(
            "a URL here holds no password: use ETL_PUSHGATEWAY_USER and ETL_PUSHGATEWAY_PASSWORD"
        )
    return text.rstrip("/")


def _json_or_text(value: str | None) -> None:
    if value not in (None, "json", "text"):
        raise ValidationError("Must be one of: json, text.")


def _sentence(error: EnvError) -> str:
    return " ".join(str(error).split()).removesuffix(".") + "."
