"""A connection as Airflow knows it: what both databases' parameters are read from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from etl_sales_target.core.errors import ConfigurationError


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

    @property
    def given_extra(self) -> dict[str, Any]:
        """The extra, without the keys that a form left empty."""
        return {key: value for key, value in self.extra.items() if value not in (None, "")}

    def require(self, conn_type: str) -> None:
        """Raises ConfigurationError unless it is of this type and names a user."""
        if self.conn_type != conn_type:
            raise ConfigurationError(
                f"A connection of type {conn_type} is needed, not {self.conn_type!r}.",
                remedy=f"It begins with {conn_type}://, or has that conn_type in JSON.",
            )
        if not self.login:
            raise ConfigurationError(
                f"The {conn_type} connection names no user.",
                remedy=f"Write {conn_type}://USER:PASSWORD@HOST…",
            )
