"""The settings: every `ETL_` variable but the secrets, its default and limits, read once."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import urlsplit

from environs import Env, EnvError, ValidationError, validate

from etl_sales_target.config.encoding import as_utf8
from etl_sales_target.core.definitions import TableDefinition, sales_target
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName, table_name, target_name

ORACLE_CONNECTION = "AIRFLOW_CONN_ORACLE_CONN_ID"
POSTGRES_CONNECTION = "AIRFLOW_CONN_POSTGRES_CONN_ID"

# Secrets beside the connections: never a field of the settings.
PUSHGATEWAY_PASSWORD = "ETL_PUSHGATEWAY_PASSWORD"  # noqa: S105
OPENLINEAGE_API_KEY = "OPENLINEAGE_API_KEY"

# Names in the built-in definition; a file of definitions has its own.
_TABLE_NAMES = ("ETL_SOURCE_TABLE", "ETL_TARGET_TABLE")
# What HTTP sends as it is; DNS takes no longer names.
_PATH = re.compile(r"[!-~]*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")


@dataclass(frozen=True)
class LineageSettings:
    """OpenLineage's own variables: `url` is `OPENLINEAGE_URL`. Empty ones are not set."""

    url: str | None
    endpoint: str | None
    namespace: str
    parent_id: str | None

    @classmethod
    def read(cls) -> "LineageSettings":
        """Those in this process's environment.

        Raises ConfigurationError where the URL cannot be used.
        """
        env = _environment("OPENLINEAGE_")
        with _named(remedy="See docs/lineage.md."):
            return cls(
                url=env.url_of_server("URL", None, login_belongs_in=OPENLINEAGE_API_KEY),
                endpoint=env.utf8("ENDPOINT", "") or None,
                namespace=env.utf8("NAMESPACE", "") or "default",
                parent_id=env.utf8("PARENT_ID", "") or None,
            )


@dataclass(frozen=True)
class Settings:
    """One field a variable: `batch_rows` is `ETL_BATCH_ROWS`. Names end in their unit."""

    connections_dir: Path
    tables_file: Path | None
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
    changes_retention_days: int
    triggered_by: str
    pushgateway_url: str | None
    pushgateway_user: str | None
    pushgateway_ca_file: Path | None
    pushgateway_timeout_seconds: int
    kubernetes_namespace: str | None
    log_level: str
    log_format: str | None

    @property
    def definition(self) -> TableDefinition:
        """The built-in definition, with the names of its tables."""
        return sales_target(self.source_table, self.target_table)

    @classmethod
    def read(cls) -> "Settings":
        """The settings in this process's environment.

        Raises ConfigurationError, naming the variable, for a value that cannot be used.
        """
        env = _environment("ETL_")
        seconds = {"validate": validate.Range(min=1, max=86_400)}
        with _named(remedy="The README's table of settings says what each accepts."):
            return cls(
                connections_dir=env.path(
                    "CONNECTIONS_DIR", Path("/etc/etl-sales-target/connections")
                ),
                tables_file=_path(env.str("TABLES_FILE", "", validate=_names_all_tables)),
                source_table=env.table("SOURCE_TABLE", "APPS.KHS_CUSTOMERS_TRX_TARGETS"),
                target_table=env.target_table("TARGET_TABLE", "mb.sales_target"),
                batch_rows=env.int(
                    "BATCH_ROWS", 10_000, validate=validate.Range(min=1, max=1_000_000)
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
                changes_retention_days=env.int(
                    "CHANGES_RETENTION_DAYS", 400, validate=validate.Range(min=0, max=36_500)
                ),
                triggered_by=env.utf8("TRIGGERED_BY", os.uname().nodename),
                pushgateway_url=_without_slash(
                    env.url_of_server(
                        "PUSHGATEWAY_URL",
                        None,
                        login_belongs_in=f"ETL_PUSHGATEWAY_USER and {PUSHGATEWAY_PASSWORD}",
                    )
                ),
                pushgateway_user=env.utf8("PUSHGATEWAY_USER", "") or None,
                pushgateway_ca_file=_path(env.str("PUSHGATEWAY_CA_FILE", "")),
                pushgateway_timeout_seconds=env.int("PUSHGATEWAY_TIMEOUT_SECONDS", 10, **seconds),
                kubernetes_namespace=env.str(
                    "KUBERNETES_NAMESPACE", "", validate=_kubernetes_namespace
                )
                or None,
                log_level=env.str(
                    "LOG_LEVEL",
                    "INFO",
                    validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]),
                ),
                log_format=env.str("LOG_FORMAT", None, validate=_json_or_text),
            )


def _environment(prefix: str) -> Env:
    env = Env(prefix=prefix)
    env.add_parser("table", partial(_name, parse=table_name))
    env.add_parser("target_table", partial(_name, parse=target_name))
    env.add_parser("url_of_server", _url_of_server)
    env.add_parser("utf8", _utf8)
    return env


@contextmanager
def _named(*, remedy: str) -> Iterator[None]:
    """An error of the environment as ours."""
    try:
        yield
    except EnvError as error:
        raise ConfigurationError(
            f"A setting cannot be used: {_sentence(error)}", remedy=remedy
        ) from error


def _name(text: str, *, parse: Callable[[str], TableName]) -> TableName:
    try:
        return parse(text)
    except ValueError as error:
        raise EnvError(str(error)) from None


def _utf8(text: str) -> str:
    try:
        return as_utf8(text)
    except UnicodeError:
        raise EnvError("it is not UTF-8") from None


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _kubernetes_namespace(name: str) -> None:
    if name and not _NAMESPACE.fullmatch(name):
        raise ValidationError("It is not the name of a Kubernetes namespace.")


def _names_all_tables(tables_file: str) -> None:
    for name in _TABLE_NAMES:
        if tables_file and name in os.environ:
            raise ValidationError(f"It names the tables, so {name} must not be set.")


def _url_of_server(text: str | None, *, login_belongs_in: str) -> str | None:
    """Its value may hold a password, so the error does not repeat it."""
    if not text:
        return None
    text = _utf8(text)
    if "@" in text:
        raise EnvError(f"a URL here holds no login: use {login_belongs_in}")
    url = _usable_url(text)
    if url is None:
        raise EnvError("it is no URL such as http://server:9091")
    return url


def _usable_url(text: str) -> str | None:
    """The URL with its host as DNS knows it; None where it could not be asked for."""
    try:
        url = urlsplit(text)
        host, port = _host(url.hostname or ""), url.port
    except ValueError:
        return None
    if url.scheme not in {"http", "https"} or port == 0 or not _PATH.fullmatch(url.path):
        return None
    if url.query or url.fragment:
        return None
    return url._replace(netloc=host if port is None else f"{host}:{port}").geturl()


def _host(name: str) -> str:
    """Raises ValueError where it is neither a name nor an address."""
    if ":" in name:
        return f"[{IPv6Address(name)}]"
    host = name.encode("idna").decode()
    if not _HOST.fullmatch(host):
        raise ValueError
    return host


def _without_slash(url: str | None) -> str | None:
    return url.rstrip("/") if url else None


def _json_or_text(value: str | None) -> None:
    if value not in (None, "json", "text"):
        raise ValidationError("Must be one of: json, text.")


def _sentence(error: EnvError) -> str:
    return " ".join(str(error).split()).removesuffix(".") + "."
