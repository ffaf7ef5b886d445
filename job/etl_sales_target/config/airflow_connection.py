"""Connections in Airflow's own forms, a URI or JSON, read without Airflow.

The rules are those of the Connection that a task in Airflow sees and of the Oracle and PostgreSQL
providers' hooks: the same text means the same in Airflow and here. What Airflow would quietly
ignore or garble is refused. No message holds a secret, and no exception carries one along.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from etl_sales_target.config import secret_files
from etl_sales_target.core.connection import Connection
from etl_sales_target.core.errors import ConfigurationError

_FORMS = "Write it as Airflow does: oracle://user:password@host:1521/service, or its JSON form."

_JSON_KEYS = {
    "conn_type", "description", "extra", "host", "login", "password", "port", "schema"
}  # fmt: skip
_HIGHEST_PORT = 65_535


def load(name: str, environ: Mapping[str, str], directory: Path) -> Connection:
    """The connection of this name: from the file of that name in `directory`, else `environ`.

    Raises ConfigurationError where there is none, or where it cannot be understood.
    """
    found = secret_files.find(name, environ, directory)
    if found is None:
        raise ConfigurationError(
            f"The connection {name} is not set.",
            remedy=f"Set {name}, or put it into a file of that name in {directory}.",
        )
    text, place = found
    return parse(text, name=place)


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
