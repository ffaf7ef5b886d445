"""How a setting is described, and how the settings of a class are read from their descriptions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, fields
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from environs import Env, EnvError

from etl_sales_target.config import kinds
from etl_sales_target.config.kinds import Kind
from etl_sales_target.core.errors import ConfigurationError

T = TypeVar("T")

_METADATA = "setting"


class Group(Enum):
    """The parts of the documentation, in their order."""

    CONNECTIONS = "Connections"
    TABLES = "What is loaded"
    GUARDS = "Guards and limits"
    TIMEOUTS = "Timeouts and retries"
    LOGGING = "Logging and the record"
    METRICS = "Metrics"
    LINEAGE = "Lineage"


class Unset(NamedTuple):
    """What it means that a variable is not set: in words, and as the value that the job then has.

    In a pod of the chart it may mean something else.
    """

    words: str
    value: Any = None
    in_chart: str | None = None


REQUIRED = Unset("required")


class Setting(NamedTuple):
    """A variable, and all that is said of it.

    Links in the sentence begin at the project's root. `chart_value` is the chart's value that sets
    it, by default `settings.VARIABLE`; an empty one: none does.
    """

    group: Group
    variable: str
    kind: Kind
    default: Any
    sentence: str
    chart_value: str
    is_secret: bool = False

    @property
    def value_if_unset(self) -> Any:
        """What the job has where the variable is not set."""
        return self.default.value if isinstance(self.default, Unset) else self.default

    @property
    def is_required(self) -> bool:
        """Whether nothing works without it."""
        return self.default is REQUIRED

    @property
    def default_words(self) -> str:
        """The default, for a table in the documentation."""
        return self.default.words if isinstance(self.default, Unset) else f"`{self.default}`"

    def read(self, env: Env) -> Any:
        """The variable's value. Raises EnvError, which names it."""
        value = self.kind.read(env, self.variable) if self.variable in os.environ else None
        return self.value_if_unset if value is None else value


def setting(
    group: Group,
    variable: str,
    kind: Kind,
    default: Any,
    sentence: str,
    *,
    chart_value: str | None = None,
) -> Any:
    """A dataclass's field that holds the value of this variable."""
    where = f"settings.{variable}" if chart_value is None else chart_value
    described = Setting(group, variable, kind, default, sentence, where)
    return field(metadata={_METADATA: described})


def secret(
    group: Group,
    variable: str,
    sentence: str,
    *,
    default: Unset,
    words: str = "text",
    chart_value: str,
) -> Setting:
    """A variable that no dataclass holds: it is read where it is used."""
    kind = kinds.Text(words, str)
    return Setting(group, variable, kind, default, sentence, chart_value, is_secret=True)


def settings_of(cls: type[Any]) -> Iterator[Setting]:
    """The settings that the fields of a dataclass hold."""
    return (found.metadata[_METADATA] for found in fields(cls))


def read(cls: type[T]) -> T:
    """The dataclass with the values in this process's environment.

    Raises ConfigurationError, which names the variable, for a value that cannot be used.
    """
    env = kinds.environment()
    with _named():
        values = [described.read(env) for described in settings_of(cls)]
    return cls(*values)


@contextmanager
def _named() -> Iterator[None]:
    """An error of the environment as ours."""
    try:
        yield
    except EnvError as error:
        raise ConfigurationError(
            f"A setting cannot be used: {_sentence(error)}",
            remedy="docs/configuration.md says what each accepts.",
        ) from error


def _sentence(error: EnvError) -> str:
    return " ".join(str(error).split()).removesuffix(".") + "."
