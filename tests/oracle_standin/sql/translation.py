"""What a translation consists of: PostgreSQL's SQL, and what one must know of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oracle_standin.names import quoted


@dataclass(frozen=True)
class Relation:
    """A table or view in PostgreSQL; `chars` and `dates` are its columns of these types."""

    schema: str
    name: str
    chars: frozenset[str] = field(default=frozenset(), compare=False)
    dates: frozenset[str] = field(default=frozenset(), compare=False)

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


Resolve = Callable[[str | None, str], Relation]


@dataclass(frozen=True)
class Grouping:
    """A query of one row a group, over the rows of one table and nothing else, in pieces."""

    projections: str
    source: str
    conditions: Sequence[str]
    keys: Sequence[str]

    def tail(self, condition: str | None = None) -> str:
        """All behind the projections, with one more condition."""
        conditions = [*self.conditions, *([f"({condition})"] if condition else [])]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"{self.source}{where} GROUP BY {', '.join(self.keys)}"


@dataclass
class Translation:
    """PostgreSQL's SQL, and what else one has to know to run it and to keep its answer."""

    sql: str
    column_names: list[str] | None
    relations: set[Relation] = field(default_factory=set)
    is_stable: bool = True
    grouping: Grouping | None = None
