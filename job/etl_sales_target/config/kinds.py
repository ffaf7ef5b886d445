"""The kinds of values that settings have: how each is read, and what else says which it accepts."""

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from environs import Env, EnvError, validate

from etl_sales_target.config.encoding import as_utf8
from etl_sales_target.core.names import (
    IDENTIFIER,
    TARGET_IDENTIFIER,
    table_name,
    target_name,
)

_NAMESPACE = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# What HTTP sends as it is; DNS takes no longer names.
_PATH = re.compile(r"[!-~]*")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")


class Kind(Protocol):
    """What a setting's value can be."""

    @property
    def words(self) -> str:
        """The values, for a table in the documentation."""

    @property
    def schema(self) -> dict[str, Any]:
        """The values in JSON Schema. What it accepts may still be refused when it is read."""

    def read(self, env: Env, variable: str) -> Any:
        """The value of a variable that is set; None where its text means that it is not.

        Raises EnvError, which names the variable.
        """


class Number(NamedTuple):
    """A whole number of a unit; both limits are inclusive."""

    unit: str
    minimum: int
    maximum: int

    @property
    def words(self) -> str:
        """The limits and the unit."""
        return f"{self.minimum:,} to {self.maximum:,} {self.unit}"

    @property
    def schema(self) -> dict[str, Any]:
        """An integer within the limits."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    def read(self, env: Env, variable: str) -> int | None:
        """The number."""
        limits = validate.Range(min=self.minimum, max=self.maximum)
        return env.int(variable, validate=limits)


class Choice(NamedTuple):
    """One of several words."""

    words_to_choose: tuple[str, ...]

    @property
    def words(self) -> str:
        """All of them."""
        *others, last = (f"`{word}`" for word in self.words_to_choose)
        return f"{', '.join(others)} or {last}"

    @property
    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"type": "string", "enum": [*self.words_to_choose]}

    def read(self, env: Env, variable: str) -> str | None:
        """The word."""
        return env.str(variable, validate=validate.OneOf(self.words_to_choose))


class Text(NamedTuple):
    """Text of a form that `pattern` describes, if any, and `parse` understands.

    `parse` raises ValueError or UnicodeError for any other; its message completes a sentence.
    """

    words: str
    parse: Callable[[str], Any]
    pattern: str | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """A string of this pattern."""
        pattern = {"pattern": self.pattern} if self.pattern else {}
        return {"type": "string", **pattern}

    def read(self, env: Env, variable: str) -> Any:
        """What `parse` makes of the text."""
        return env.text(variable, parse=self.parse)


def environment() -> Env:
    """This process's environment, for a kind to read from."""
    env = Env()
    env.add_parser("text", _parsed)
    return env


def _parsed(text: str, *, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except UnicodeError:
        raise EnvError("it is not UTF-8") from None
    except ValueError as error:
        raise EnvError(str(error)) from None


def path_or_none(text: str) -> Path | None:
    """The path; None for an empty text."""
    return Path(text) if text else None


def url_of_server(text: str, *, login_belongs_in: str) -> str | None:
    """The URL of an HTTP server, its host as DNS knows it; None for an empty text.

    Raises ValueError, which does not repeat the text: it may hold a password.
    """
    if not text:
        return None
    text = as_utf8(text)
    if "@" in text:
        raise ValueError(f"a URL here holds no login: use {login_belongs_in}")
    url = _usable_url(text)
    if url is None:
        raise ValueError("it is no URL such as http://server:9091")
    return url


def _usable_url(text: str) -> str | None:
    """None where it could not be asked for."""
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


def _kubernetes_namespace(name: str) -> str | None:
    if name and not re.fullmatch(_NAMESPACE, name):
        raise ValueError("It is not the name of a Kubernetes namespace.")
    return name or None


TEXT = Text("text", lambda text: as_utf8(text) or None)
FILE = Text("a file", path_or_none, "^/")
FOLDER = Text("a folder", path_or_none, "^/")
SOURCE_TABLE = Text("`SCHEMA.TABLE`", table_name, rf"^{IDENTIFIER}\.{IDENTIFIER}$")
TARGET_TABLE = Text("`SCHEMA.TABLE`", target_name, rf"^{TARGET_IDENTIFIER}\.{TARGET_IDENTIFIER}$")
# A login in it is refused; who parses it says where that belongs.
URL = Text("an http or https URL", str, "^https?://[^@/]+(/|$)")
KUBERNETES_NAMESPACE = Text("a namespace's name", _kubernetes_namespace, f"^{_NAMESPACE}$")
