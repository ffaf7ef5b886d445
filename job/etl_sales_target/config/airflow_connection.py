"""Connections in Airflow's own forms, a URI or JSON, read without Airflow.

The rules are those of the Connection that a task in Airflow sees and of the Oracle and PostgreSQL
providers' hooks: the same text means the same in Airflow and here. What Airflow would quietly
ignore or garble is refused. No message holds a secret, and no exception carries one along.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from etl_sales_target.core.errors import ConfigurationError

_FORMS = "Write it as Airflow does: oracle://user:password@host:1521/service, or its JSON form."

_JSON_KEYS = {
    "conn_type", "description", "extra", "host", "login", "password", "port", "schema"
}  # fmt: skip
_HIGHEST_PORT = 65_535
_ORACLE_PORT = 1521


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


def load_secret(name: str, environ: Mapping[str, str], directory: Path) -> str | None:
    """A secret of another server, found where the connections are; None where there is none.

    Raises ConfigurationError where its file cannot be read.
    """
    text = _read(directory / name)
    return (environ.get(name, "") if text is None else text).strip() or None


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
    scheme, separator, rest = text.partition("://")
    if not separator or scheme != urlsplit(text).scheme:
        raise _FormError("it does not begin with a type such as oracle://")
    # oracle://tcps://user@host names a protocol, which belongs to the host.
    protocol, separator, _ = rest.rpartition("://")
    if separator and (not _is_word(protocol) or protocol.endswith(scheme)):
        raise _FormError("'://' stands in it too often; percent-encode it in passwords and extras")
    parts = urlsplit(rest if separator else f"//{rest}")
    host = unquote(parts.hostname or "")
    if "/" in host and not host.startswith("/"):
        raise _FormError("its host is neither a name, nor an address, nor a socket's folder")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Connection(
        conn_type=_conn_type(scheme),
        host=f"{protocol.lower()}://{host}" if host and separator else host,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path[1:]),
        port=_uri_port(parts),
        extra=_extra(query["__extra__"]) if "__extra__" in query else query,
    )


def _is_word(text: str) -> bool:
    return text.isascii() and text.isalpha()


def _uri_port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise _FormError(
            "its port is no number; percent-encode '/', ':', '@', '#' and '?' in a password"
        ) from None


def _conn_type(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def oracle_parameters(connection: Connection) -> OracleParameters:
    """What the source's connection means to oracledb.

    Raises ConfigurationError where it is of another type, incomplete or contradicts itself.
    """
    _require_type(connection, "oracle")
    _require_login(connection, "oracle")
    if not connection.password:
        raise ConfigurationError(
            "The oracle connection holds no password.", remedy="Write oracle://USER:PASSWORD@HOST…"
        )
    extra = _given(connection.extra)
    if "mode" in extra:
        raise ConfigurationError(
            "The oracle connection has the extra mode, which the job does not use.",
            remedy="Name a user who may read the source, and no administrator.",
        )
    place, driver, login = (
        _read_extras(kind, extra) for kind in (_ORACLE_PLACE, _ORACLE_DRIVER, _ORACLE_LOGIN)
    )
    return OracleParameters(
        login={
            "user": connection.login,
            "password": connection.password,
            "dsn": _oracle_dsn(connection, protocol=login.get("protocol"), **place),
            **login,
        },
        thick_mode=driver.get("thick_mode"),
        thick_mode_lib_dir=driver.get("thick_mode_lib_dir"),
        thick_mode_config_dir=driver.get("thick_mode_config_dir"),
    )


def _given(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Without the extras that a form left empty."""
    return {key: value for key, value in extra.items() if value not in (None, "")}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _boolean(value: object) -> bool | None:
    return {"true": True, "false": False}.get(str(value).strip().lower())


_Reader = Callable[[object], Any]
_Extras = Mapping[str, _Reader]

# What each reader takes; it gives None for anything else.
_EXPECTED: Mapping[_Reader, str] = {
    _text: "text",
    _integer: "a whole number",
    _boolean: "true or false",
}

_ORACLE_PLACE: _Extras = {"service_name": _text, "sid": _text, "dsn": _text}

_ORACLE_DRIVER: _Extras = {
    "thick_mode": _boolean,
    "thick_mode_lib_dir": _text,
    "thick_mode_config_dir": _text,
}

# What oracledb.connect takes under the same name. More than the hook passes on: retries and a
# proxy are the network's matter, not Airflow's.
_ORACLE_LOGIN: _Extras = {
    "cclass": _text,
    "config_dir": _text,
    "events": _boolean,
    "expire_time": _integer,
    "https_proxy": _text,
    "https_proxy_port": _integer,
    "pool_name": _text,
    "protocol": _text,
    "purity": _text,
    "retry_count": _integer,
    "retry_delay": _integer,
    "ssl_server_cert_dn": _text,
    "ssl_server_dn_match": _boolean,
    "use_tcp_fast_open": _boolean,
    "wallet_location": _text,
    "wallet_password": _text,
}


def _read_extras(kind: _Extras, extra: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: read(extra[key]) for key, read in kind.items() if key in extra}
    for key, value in found.items():
        if value is None:
            raise ConfigurationError(
                f"The extra {key} of the oracle connection is not {_EXPECTED[kind[key]]}."
            )
    return found


def _oracle_dsn(
    connection: Connection,
    *,
    protocol: str | None,
    service_name: str | None = None,
    sid: str | None = None,
    dsn: str | None = None,
) -> str:
    if service_name and sid:
        raise ConfigurationError(
            "The oracle connection names both a service_name and a sid.",
            remedy="Keep the one that the database goes by.",
        )
    # Airflow's form has the service's name in its field "Schema" too.
    service_name = service_name or connection.schema
    if connection.host and sid:
        return _oracle_address(connection, protocol, f"SID={_plain('sid', sid)}")
    if connection.host and service_name:
        service_name = _plain("service_name", service_name)
        return _oracle_address(connection, protocol, f"SERVICE_NAME={service_name}")
    if dsn:
        return _without_password(dsn)
    if not connection.host:
        raise ConfigurationError(
            "The oracle connection names no host and no dsn.",
            remedy="Give it a host and a service_name, or a dsn.",
        )
    return f"{connection.host}:{connection.port}" if connection.port else connection.host


def _oracle_address(connection: Connection, protocol: str | None, connect_data: str) -> str:
    hosts_protocol, _, host = str(connection.host).rpartition("://")
    protocol = _plain("protocol", protocol or hosts_protocol or "tcp").upper()
    return (
        f"(DESCRIPTION=(ADDRESS=(PROTOCOL={protocol})"
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


def _without_password(dsn: str) -> str:
    # The driver's errors show the dsn.
    if "@" in dsn and not dsn.lstrip().startswith("("):
        raise ConfigurationError(
            "The dsn of the oracle connection may not contain '@'.",
            remedy="User and password belong into its login and password.",
        )
    return dsn


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


def postgres_parameters(connection: Connection) -> dict[str, str | int]:
    """The target's connection as libpq's keywords.

    Raises ConfigurationError where it is of another type or incomplete.
    """
    _require_type(connection, "postgres")
    _require_login(connection, "postgres")
    extra = _given(connection.extra)
    if extra.get("iam"):
        raise ConfigurationError(
            "The postgres connection asks for a cloud's token (iam), which the job cannot fetch.",
            remedy="Drop iam, and give it a password or a client certificate (sslcert, sslkey).",
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
