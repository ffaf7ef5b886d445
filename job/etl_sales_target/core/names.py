"""Names of tables."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableName:
    """A table's schema (in Oracle: owner) and name, in lower case: both databases fold it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"
