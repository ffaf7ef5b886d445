"""The source's connection as the arguments of oracledb.

The rules are those of the hook of Airflow's Oracle provider: the same text means the same there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import oracledb

from etl_sales_target.core.connection import Connection
from etl_sales_target.core.errors import ConfigurationError

_PORT = 1521


@dataclass(frozen=True)
class OracleAddress:
    """Where the source is. The service is a SID where the connection names one."""

    host: str
    port: int
    service: str


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

    @property
    def address(self) -> OracleAddress:
        """The address in the connect string; of several, the first."""
        dsn = str(self.login["dsn"])
        found = oracledb.ConnectParams(config_dir=self.login.get("config_dir"))
        try:
            found.parse_connect_string(dsn)
        except oracledb.Error:  # A name that no tnsnames.ora resolves, or a host without a service.
            host, _, port = dsn.partition(":")
            return OracleAddress(host, int(port) if port.isdigit() else _PORT, host)
        return OracleAddress(
            host=str(_first(found.host)),
            port=int(_first(found.port)),
            service=str(_first(found.service_name) or _first(found.sid) or ""),
        )


def _first(values: Any) -> Any:
    """Of a descriptor's several addresses the driver makes a list."""
    return values[0] if isinstance(values, list) else values


def parameters(connection: Connection) -> OracleParameters:
    """What the source's connection means to oracledb.

    Raises ConfigurationError where it is of another type, incomplete or contradicts itself.
    """
    connection.require("oracle")
    if not connection.password:
        raise ConfigurationError(
            "The oracle connection holds no password.", remedy="Write oracle://USER:PASSWORD@HOST…"
        )
    extra = connection.given_extra
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
    # ConnectParams would write SSL_SERVER_DN_MATCH=ON for TCPS, whatever the extra says.
    return (
        f"(DESCRIPTION=(ADDRESS=(PROTOCOL={protocol})"
        f"(HOST={_plain('host', host)})(PORT={connection.port or _PORT}))"
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
