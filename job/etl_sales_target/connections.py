"""Connections in Airflow's own forms, a URI or JSON, read without Airflow.

The rules are those of the Connection that a task in Airflow sees and of the Oracle and PostgreSQL
providers' hooks: the same text means the same in Airflow and here. What Airflow would quietly
ignore or garble is refused. No message holds a secret, and no exception carries one along.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from etl_sales_target.errors import ConfigurationError

_FORMS = "Write it as Airflow does: oracle://user:password@host:1521/service, or its JSON form."

_JSON_KEYS = {
    "conn_type", "description", "extra", "host", "login", "password", "port", "schema"
}  # fmt: skip
_HIGHEST_PORT = 65_535
_ORACLE_PORT = 1521

# Extras that oracledb.connect takes under the same name. More than the hook passes on: retries
# and a proxy are the network's matter, not Airflow's.
_ORACLE_EXTRAS = (
    "cclass",
    "config_dir",
    "events",
    "expire_time",
    "https_proxy",
    "https_proxy_port",
    "pool_name",
    "protocol",
    "purity",
    "retry_count",
    "retry_delay",
    "ssl_server_cert_dn",
    "ssl_server_dn_match",
    "use_tcp_fast_open",
    "wallet_location",
    "wallet_password",
)
_ORACLE_INTEGERS = {"expire_time", "https_proxy_port", "retry_count", "retry_delay"}
_ORACLE_BOOLEANS = {"events", "ssl_server_dn_match", "use_tcp_fast_open"}

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

_BOOLEANS = {"true": True, "false": False}


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
    text = _read(path)
    if text is not None:
        return parse(text, name=str(path))
    if name not in environ:
        raise ConfigurationError(
            f"The connection {name} is not set.",
            remedy=f"Set {name}, or put it into a file of that name in {directory}.",
        )
    return parse(environ[name], name=name)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    # Raised here and not above: a decoding error carries the file's content.
    raise ConfigurationError(
        f"The connection file {path} cannot be read: {reason}.",
        remedy="It must be UTF-8 text that this user may read.",
    )


def parse(text: str, *, name: str) -> Connection:
    """A connection from its URI or JSON form; `name` stands in the errors.

    Raises ConfigurationError.
    """
    text = text.strip()
    try:
        return _from_json(text) if text.startswith("{") else _from_uri(text)
    except _FormError as error:
        reason = str(error)
    except (ArithmeticError, RecursionError, ValueError):
        reason = "it is not of that form"
    # Raised here and not above: what the parsers raise carries pieces of the text.
    raise ConfigurationError(
        f"The connection {name} cannot be understood: {reason}.", remedy=_FORMS
    )


class _FormError(ValueError):
    """Its text names what is wrong, and no value."""


def _from_json(text: str) -> Connection:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _FormError(f"it is not complete JSON, see {place}") from None
    if values.keys() - _JSON_KEYS:
        raise _FormError(f"its JSON may have the keys {', '.join(sorted(_JSON_KEYS))} and no other")
    for key in ("conn_type", "host", "login", "password", "schema"):
        if not isinstance(values.get(key), str | None):
            raise _FormError(f"its {key} is no text")
    return Connection(
        conn_type=_conn_type(values.get("conn_type") or ""),
        host=values.get("host"),
        login=values.get("login"),
        password=values.get("password"),
        schema=values.get("schema"),
        port=_port(values.get("port")),
        extra=_extra(values.get("extra")),
    )


def _port(value: Any) -> int | None:
    if not value:
        return None
    try:
        port = int(value)
    except (ArithmeticError, TypeError, ValueError):
        raise _FormError("its port is no number") from None
    if not 0 < port <= _HIGHEST_PORT:
        raise _FormError(f"its port is not between 1 and {_HIGHEST_PORT}")
    return port


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
    if not text:
        raise _FormError("it is empty")
    scheme = urlsplit(text).scheme
    if not scheme or "://" not in text:
        raise _FormError("it has no scheme such as oracle://")
    # oracle://tcps://user@host names a protocol, which belongs to the host.
    has_protocol = text.count("://") > 1
    rest = text.replace(f"{scheme}://", "" if has_protocol else "//")
    protocol = rest.partition("://")[0] if has_protocol else ""
    if text.count("://") > 2 or "@" in protocol or ":" in protocol:  # noqa: PLR2004
        raise _FormError("'://' stands in it too often; percent-encode it in passwords and extras")
    parts = urlsplit(rest)
    try:
        port = parts.port
    except ValueError:
        raise _FormError(
            "its port is no number; percent-encode '/', ':', '@', '#' and '?' in a password"
        ) from None
    host = _host(parts)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Connection(
        conn_type=_conn_type(scheme),
        host=f"{parts.scheme}://{host}" if host and has_protocol else host,
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
    if not connection.password:
        raise ConfigurationError("The oracle connection holds no password.")
    extra = _given(connection.extra)
    if "mode" in extra:
        raise ConfigurationError(
            "The oracle connection has the extra mode, which the job does not use.",
            remedy="Name a user who may read the source, and no administrator.",
        )
    login = {
        "user": connection.login,
        "password": connection.password,
        "dsn": _oracle_dsn(connection, extra),
        **{key: _oracle_extra(key, extra[key]) for key in _ORACLE_EXTRAS if key in extra},
    }
    thick_mode = extra.get("thick_mode")
    return OracleParameters(
        login=login,
        thick_mode=None if thick_mode is None else _boolean("oracle", "thick_mode", thick_mode),
        thick_mode_lib_dir=_text("thick_mode_lib_dir", extra),
        thick_mode_config_dir=_text("thick_mode_config_dir", extra),
    )


def _given(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Without the extras that a form left empty."""
    return {key: value for key, value in extra.items() if value not in (None, "")}


def _oracle_dsn(connection: Connection, extra: Mapping[str, Any]) -> str:
    service_name, sid, dsn = (_text(key, extra) for key in ("service_name", "sid", "dsn"))
    if service_name and sid:
        raise ConfigurationError(
            "The oracle connection names both a service_name and a sid.",
            remedy="Keep the one that the database goes by.",
        )
    # Airflow's form has the service's name in its field "Schema" too.
    service_name = service_name or connection.schema
    if connection.host and sid:
        return _oracle_address(connection, extra, f"SID={_plain('sid', sid)}")
    if connection.host and service_name:
        service_name = _plain("service_name", service_name)
        return _oracle_address(connection, extra, f"SERVICE_NAME={service_name}")
    if dsn:
        return dsn
    if not connection.host:
        raise ConfigurationError(
            "The oracle connection names no host and no dsn.",
            remedy="Give it a host and a service_name, or a dsn.",
        )
    return f"{connection.host}:{connection.port}" if connection.port else connection.host


def _oracle_address(connection: Connection, extra: Mapping[str, Any], connect_data: str) -> str:
    protocol, _, host = str(connection.host).rpartition("://")
    protocol = _text("protocol", extra) or protocol or "tcp"
    return (
        f"(DESCRIPTION=(ADDRESS=(PROTOCOL={_plain('protocol', protocol).upper()})"
        f"(HOST={_plain('host', host)})(PORT={connection.port or _ORACLE_PORT}))"
        f"(CONNECT_DATA=({connect_data})))"
    )


def _plain(what: str, value: str) -> str:
    if set(value) & set("()="):
        raise ConfigurationError(
            f"The {what} of the oracle connection may not contain '(', ')' or '='.",
            remedy="A whole connect descriptor belongs into the extra dsn, without a host.",
        )
    return value


def _text(key: str, extra: Mapping[str, Any]) -> str | None:
    value = extra.get(key)
    if not isinstance(value, str | None):
        raise ConfigurationError(f"The extra {key} of the oracle connection is no text.")
    return value


def _oracle_extra(key: str, value: Any) -> object:
    if key in _ORACLE_BOOLEANS:
        return _boolean("oracle", key, value)
    if key not in _ORACLE_INTEGERS:
        return _text(key, {key: value})
    try:
        return int(value)
    except (ArithmeticError, TypeError, ValueError):
        raise ConfigurationError(
            f"The extra {key} of the oracle connection is no number."
        ) from None


def _boolean(conn_type: str, key: str, value: object) -> bool:
    found = _BOOLEANS.get(str(value).strip().lower())
    if found is None:
        raise ConfigurationError(
            f"The extra {key} of the {conn_type} connection is neither true nor false."
        )
    return found


def postgres_parameters(connection: Connection) -> dict[str, str | int]:
    """The target's connection as libpq's keywords.

    Raises ConfigurationError where it is of another type or incomplete.
    """
    _require_type(connection, "postgres")
    _require_login(connection, "postgres")
    extra = _given(connection.extra)
    if _boolean("postgres", "iam", extra.get("iam", False)):
        raise ConfigurationError(
            "The postgres connection asks for a cloud's token (iam), which the job cannot fetch.",
            remedy="Give it a password or a client certificate (sslcert, sslkey).",
        )
    parameters = _given(
        {
            "host": connection.host,
            "port": connection.port,
            "dbname": connection.schema,
            "user": connection.login,
            "password": connection.password,
        }
    )
    for key in extra.keys() - _AIRFLOW_POSTGRES_EXTRAS:
        parameters[key] = _keyword_value(key, extra[key])
    if not parameters.keys() & {"host", "hostaddr", "service"}:
        raise ConfigurationError(
            "The postgres connection names no host.",
            remedy="Write postgres://USER:PASSWORD@HOST:5432/DATABASE.",
        )
    return parameters


def _keyword_value(key: str, value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigurationError(
            f"The extra {key} of the postgres connection is neither text nor a whole number."
        )
    return value


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
