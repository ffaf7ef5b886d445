"""Table definitions: which source is loaded into which target, and how it is divided."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from etl_sales_target.core.columns import Column, Kind
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName, column_name_fault

# A query has two aggregates for each column, and Oracle allows it at most 1,000 columns.
_MOST_COLUMNS = 490


@dataclass(frozen=True)
class YearAndMonth:
    """The periods of a table with the year and the month in two NUMBER columns."""

    year: str
    month: str

    kind = Kind.NUMBER

    def __str__(self) -> str:
        return f"{self.year} and {self.month}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.year, self.month


@dataclass(frozen=True)
class MonthOfDate:
    """The periods of a table by the calendar months of a DATE or TIMESTAMP column."""

    date: str

    kind = Kind.DATETIME

    def __str__(self) -> str:
        return f"the months of {self.date}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of the column."""
        return (self.date,)


@dataclass(frozen=True)
class TableDefinition:
    """A source table and the target that is kept equal to it; all names are in lower case.

    `columns` is None for all columns of the source, and `period` is None if the whole table is one
    period. `history` says whether a change history is written. `load_columns` are columns of the
    target that the job does not fill.
    """

    source: TableName
    target: TableName
    columns: tuple[str, ...] | None = None
    period: YearAndMonth | MonthOfDate | None = None
    key: tuple[str, ...] = ()
    history: bool = True
    load_columns: tuple[str, ...] = ()


def sales_target(source: TableName, target: TableName) -> TableDefinition:
    """The built-in definition, with these tables."""
    return TableDefinition(
        source=source,
        target=target,
        columns=("id", "product_id", "target_month", "target_year", "target_amount"),
        period=YearAndMonth(year="target_year", month="target_month"),
        key=("id",),
    )


@dataclass(frozen=True)
class TableLayout:
    """A definition with the columns that the source was found to have.

    Raises ConfigurationError if the definition does not fit them, or if they cannot be loaded.
    """

    definition: TableDefinition
    columns: tuple[Column, ...]
    comment: str | None = None

    def __post_init__(self) -> None:
        """Refuses what the target cannot have, and a definition that does not fit the columns."""
        definition = self.definition
        if len(self.columns) > _MOST_COLUMNS:
            raise ConfigurationError(
                f"{definition.source} has {len(self.columns)} columns, and at most {_MOST_COLUMNS} "
                "can be loaded.",
                remedy="List the ones to load under `columns` in ETL_TABLES_FILE.",
            )
        for name in self.names:
            fault = column_name_fault(name)
            if fault:
                raise ConfigurationError(
                    f"Column {name} of {definition.source} {fault}.",
                    remedy=f"Leave it out, with {without(self, name)} in ETL_TABLES_FILE.",
                    column=name,
                )
        self._refuse_load_columns()
        self._require("key", definition.key)
        if definition.period:
            self._require("period", definition.period.columns)
            for name in definition.period.columns:
                self._require_kind(name, definition.period.kind)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def position(self, name: str) -> int:
        """The position of the column of this name, from 0."""
        return self.names.index(name)

    def _refuse_load_columns(self) -> None:
        for name in self.definition.load_columns:
            if name in self.names:
                raise ConfigurationError(
                    f"Load column {name} of {self.definition.target} is also a column of "
                    f"{self.definition.source}.",
                    remedy=f"Remove it from `load_columns`, or do not load it, with "
                    f"{without(self, name)}.",
                    column=name,
                )

    def _require(self, what: str, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.names:
                raise ConfigurationError(
                    f"Column {name} of the {what} of {self.definition.target} is not loaded.",
                    remedy=f"The loaded columns are {', '.join(self.names)}.",
                    column=name,
                )

    def _require_kind(self, name: str, kind: Kind) -> None:
        column = self.columns[self.position(name)]
        if column.type.kind is not kind:
            wanted = "a NUMBER" if kind is Kind.NUMBER else "a DATE or TIMESTAMP"
            raise ConfigurationError(
                f"Column {name} of the period of {self.definition.target} is "
                f"{column.type.source}, not {wanted}.",
                remedy="A period needs two NUMBER columns, the year and the month, or one DATE or "
                "TIMESTAMP column.",
                column=name,
            )


def without(layout: TableLayout, *names: str) -> str:
    """The line of a definition that leaves these columns out."""
    return f"`columns: [{', '.join(name for name in layout.names if name not in names)}]`"
