"""Columns and their types: what each Oracle type is in PostgreSQL, and how its values travel."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is done with a column's values."""

    NUMBER = "number"  # read as decimal text, digit for digit
    TEXT = "text"
    DATETIME = "datetime"  # read as the text of its civil fields


@dataclass(frozen=True)
class ColumnType:
    """A type of Oracle that the job can keep exactly.

    `source` is Oracle's name of it, such as VARCHAR2(20); `fraction_digits` are those of the
    seconds of a TIMESTAMP; `most_bytes` bounds a value on its way.
    """

    kind: Kind
    source: str
    fraction_digits: int = 0
    most_bytes: int = 41  # a NUMBER's 40 digits and its sign

    @property
    def target(self) -> str:
        """PostgreSQL's type for it, as `format_type` spells it."""
        if self.kind is Kind.DATETIME:
            return f"timestamp({self.fraction_digits}) without time zone"
        return "numeric" if self.kind is Kind.NUMBER else "text"


NUMBER = ColumnType(Kind.NUMBER, "NUMBER")
TEXT = ColumnType(Kind.TEXT, "VARCHAR2")


@dataclass(frozen=True)
class Column:
    """A column of both tables; its name is in lower case, as both databases fold it."""

    name: str
    type: ColumnType
    comment: str | None = None
