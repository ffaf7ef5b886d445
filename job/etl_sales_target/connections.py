"""Connections in Airflow's own forms, a URI or JSON, read without Airflow.

The rules are those of `airflow.models.connection.Connection` and of the Oracle and PostgreSQL
providers' hooks: the same text means the same in Airflow and here. No message holds a secret.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from etl_sales_target.errors import ConfigurationError

_FORMS = "Write it as Airflow does: oracle://user:password@host:1521/service, or its JSON form."

_ORACLE_PORT = 1521
_POSTGRES_PORT = 5432

# Extras that oracledb.connect takes under the same name.
_ORACLE_EXTRAS = (
    "config_dir",
    "expire_time",
    "https_proxy",
    "https_proxy_port",
    "protocol",
    "retry_count",
    "retry_delay",
    "ssl_server_cert_dn",
    "ssl_server_dn_match",
    "use_tcp_fast_open",
    "wallet_location",
    "wallet_password",
)
_ORACLE_INTEGERS = {"expire_time", "https_proxy_port", "retry_count", "retry_delay"}
_ORACLE_BOOLEANS = {"ssl_server_dn_match", "use_tcp_fast_open"}

# Extras of Airflow's PostgreSQL connection that are not for libpq.
_AIRFLOW_POSTGRES_EXTRAS = {
    "aws_conn_id",
    "azure_conn_id",
    "cluster-identifier",
    "cursor",
    "iam",
    "redshift",
    "redshift-serverless",
    "sqlalchemy_query",
    "sqlalchemy_scheme",
    "workgroup-name",
}

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Connection:
    """What Airflow's Connection of the same text holds."""

    conn_type: str
    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> Iterator[str]:
        """All that must never be printed."""
        if self.password:
            yield self.password
        for key, value in self.extra.items():
            if "password" in key.lower() and isinstance(value, str):
                yield value


@dataclass(frozen=True)
class OracleParameters:
    """How to reach the source. `thick_mode` is None where the connection leaves it open."""

    login: Mapping[str, Any] = field(repr=False)
    thick_mode: bool | None
    thick_mode_lib_dir: str | None
    thick_mode_config_dir: str | None

    def connect_arguments(self) -> dict[str, Any]:
        """The arguments of `oracledb.connect`."""
        return dict(self.login)


def load(name: str, environ: Mapping[str, str], directory: Path) -> Connection:
    """The connection of this name: from the file of that name in `directory`, else `environ`.

    Raises ConfigurationError where there is none, or where it cannot be understood.
    """
    path = directory / name
    try:
        text = path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        text, place = environ.get(name, ""), f"{name}"
    except (OSError, UnicodeDecodeError) as error:
        # `from None`: a decoding error carries the file's content.
        raise ConfigurationError(
            f"The connection file {path} cannot be read: {_reason(error)}.",
            remedy="It must be UTF-8 text that this user may read.",
        ) from None
    else:
        place = str(path)
    if not text.strip():
        raise ConfigurationError(
            f"The connection {place} is {'empty' if name in environ or path.exists() else 'not set'}.",
            remedy=f"Set {name}, or put it into a file of that name in {directory}.",
        )
    return parse(text.strip(), name=place)


def _reason(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "it is not UTF-8"


def parse(text: str, *, name: str) -> Connection:
    """A connection from its URI or JSON form; `name` stands in the errors.

    Raises ConfigurationError.
    """
    try:
        return _from_json(text) if text.startswith("{") else _from_uri(text)
    except ValueError as error:
        # Neither the cause nor the text may follow: both hold the password.
        reason = error.args[0] if isinstance(error, _FormError) else "it is not of that form"
        raise ConfigurationError(
            f"The connection {name} cannot be understood: {reason}.", remedy=_FORMS
        ) from None


class _FormError(ValueError):
    """Its text names what is wrong, and no value."""


def _from_json(text: str) -> Connection:
    try:
        values = json.loads(text)
    except ValueError as error:
        place = f" at line {error.lineno}, column {error.colno}" if hasattr(error, "lineno") else ""
        raise _FormError(f"it is not complete JSON{place}") from None
    unknown = values.keys() - {
        "conn_type", "description", "extra", "host", "id", "conn_id", "login", "password", "port", "schema", "uri"
    }  # fmt: skip
    if unknown:
        raise _FormError(f"its JSON has the unknown key {min(unknown)}")
    for key in ("conn_type", "host", "login", "password", "schema"):
        if not isinstance(values.get(key), str | None):
            raise _FormError(f"{key} is no text")
    return Connection(
        conn_type=_conn_type(values.get("conn_type") or ""),
        host=values.get("host"),
        login=values.get("login"),
        password=values.get("password"),
        schema=values.get("schema"),
        port=_port(values.get("port")),
        extra=_extra(values.get("extra")),
    )


def _port(value: object) -> int | None:
    if not value:
        return None
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        raise _FormError("its port is no number") from None


def _extra(value: object) -> dict[str, Any]:
    if not value:
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise _FormError("its extra is not complete JSON") from None
    if not isinstance(value, dict):
        raise _FormError("its extra is no JSON object")
    return value


def _from_uri(text: str) -> Connection:
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise _FormError("it has no scheme such as oracle://")
    conn_type = urlsplit(text).scheme
    if conn_type != scheme.lower():
        raise _FormError("its scheme is not one")
    # oracle://tcps://user@host names a protocol, which belongs to the host.
    has_protocol = text.count("://") > 1
    if text.count("://") > 2:  # noqa: PLR2004
        raise _FormError("it has more than one protocol")
    parts = urlsplit(text.replace(f"{scheme}://", "" if has_protocol else "//"))
    try:
        port = parts.port
    except ValueError:
        raise _FormError(
            "its port is no number; percent-encode '/', ':', '@', '#' and '?' in the password"
        ) from None
    host = _host(parts)
    if has_protocol:
        host = f"{parts.scheme}://{host}"
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Connection(
        conn_type=_conn_type(conn_type),
        host=host,
        login=unquote(parts.username) if parts.username else parts.username,
        password=unquote(parts.password) if parts.password else parts.password,
        schema=unquote(parts.path[1:]),
        port=port,
        extra=_extra(query["__extra__"]) if "__extra__" in query else query,
    )


def _host(parts: SplitResult) -> str:
    host = unquote(parts.hostname or "")
    if "/" not in host:
        return host
    # A socket's folder keeps its case, which `hostname` folds.
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def _conn_type(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def oracle_parameters(connection: Connection) -> OracleParameters:
    """What the source's connection means to oracledb.

    Raises ConfigurationError where it is of another type, incomplete or contradicts itself.
    """
    _require_type(connection, "oracle")
    _require_login(connection, "oracle")
    extra = connection.extra
    login = {
        "user": connection.login,
        "password": connection.password,
        "dsn": _oracle_dsn(connection),
        **{key: _oracle_extra(key, extra[key]) for key in _ORACLE_EXTRAS if key in extra},
    }
    thick_mode = extra.get("thick_mode")
    return OracleParameters(
        login=login,
        thick_mode=None if thick_mode is None else _boolean("thick_mode", thick_mode),
        thick_mode_lib_dir=extra.get("thick_mode_lib_dir"),
        thick_mode_config_dir=extra.get("thick_mode_config_dir"),
    )


def _oracle_dsn(connection: Connection) -> str:
    extra = connection.extra
    service_name, sid, dsn = (extra.get(key) for key in ("service_name", "sid", "dsn"))
    if service_name and sid:
        raise ConfigurationError(
            "The oracle connection names both a service_name and a sid.",
            remedy="Keep the one that the database goes by.",
        )
    if connection.host and (service_name or sid):
        key, value = ("SERVICE_NAME", service_name) if service_name else ("SID", sid)
        protocol = str(extra.get("protocol", "tcp")).upper()
        return (
            f"(DESCRIPTION=(ADDRESS=(PROTOCOL={protocol})(HOST={connection.host})"
            f"(PORT={connection.port or _ORACLE_PORT}))(CONNECT_DATA=({key}={value})))"
        )
    if dsn:
        return str(dsn)
    if not connection.host:
        raise ConfigurationError(
            "The oracle connection names no host and no dsn.",
            remedy="Give it a host and a service_name, or a dsn.",
        )
    port = f":{connection.port}" if connection.port else ""
    service = f"/{connection.schema}" if connection.schema else ""
    return f"{connection.host}{port}{service}"


def _oracle_extra(key: str, value: object) -> object:
    if key in _ORACLE_BOOLEANS:
        return _boolean(key, value)
    if key in _ORACLE_INTEGERS:
        try:
            return int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"The extra {key} of the oracle connection is no number."
            ) from None
    return value


def _boolean(key: str, value: object) -> bool:
    try:
        return _BOOLEANS[str(value).lower()]
    except KeyError:
        raise ConfigurationError(
            f"The extra {key} of the oracle connection is neither true nor false."
        ) from None


def postgres_parameters(connection: Connection) -> dict[str, str | int]:
    """The target's connection as libpq's keywords.

    Raises ConfigurationError where it is of another type or incomplete.
    """
    _require_type(connection, "postgres")
    _require_login(connection, "postgres")
    if not connection.host:
        raise ConfigurationError("The postgres connection names no host.")
    parameters: dict[str, str | int | None] = {
        "host": connection.host,
        "port": connection.port or _POSTGRES_PORT,
        "dbname": connection.schema,
        "user": connection.login,
        "password": connection.password,
    }
    for key, value in connection.extra.items():
        if key not in _AIRFLOW_POSTGRES_EXTRAS:
            parameters[key] = value if isinstance(value, int) else str(value)
    return {key: value for key, value in parameters.items() if value}


def _require_type(connection: Connection, conn_type: str) -> None:
    if connection.conn_type != conn_type:
        raise ConfigurationError(
            f"A connection of type {conn_type} is needed, not {connection.conn_type!r}.",
            remedy=f"It begins with {conn_type}://, or has that conn_type in JSON.",
        )


def _require_login(connection: Connection, conn_type: str) -> None:
    if not connection.login:
        raise ConfigurationError(
            f"The {conn_type} connection names no user.",
            remedy=f"Write {conn_type}://USER:PASSWORD@HOST…",
        )
