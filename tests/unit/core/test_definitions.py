"""A definition and the columns that the source has: what does not fit is refused by name."""

import pytest

from etl_sales_target.core.columns import NUMBER, Column, ColumnType, Kind
from etl_sales_target.core.definitions import (
    MonthOfDate,
    TableDefinition,
    TableLayout,
    YearAndMonth,
    without,
)
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName

SOURCE, TARGET = TableName("apps", "orders"), TableName("mb", "orders")
DATE = ColumnType(Kind.DATETIME, "DATE")
COLUMNS = (Column("id", NUMBER), Column("year", NUMBER), Column("sold_on", DATE))


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (
            TableDefinition(SOURCE, TARGET, key=("nosuch",)),
            "Column nosuch of the key of mb.orders is not loaded.",
        ),
        (
            TableDefinition(SOURCE, TARGET, load_columns=("id",)),
            "Load column id of mb.orders is also a column of apps.orders.",
        ),
        (
            TableDefinition(SOURCE, TARGET, period=MonthOfDate("nosuch")),
            "Column nosuch of the period of mb.orders is not loaded.",
        ),
        (
            TableDefinition(SOURCE, TARGET, period=YearAndMonth("year", "sold_on")),
            "Column sold_on of the period of mb.orders is DATE, not a NUMBER.",
        ),
        (
            TableDefinition(SOURCE, TARGET, period=MonthOfDate("year")),
            "Column year of the period of mb.orders is NUMBER, not a DATE or TIMESTAMP.",
        ),
    ],
)
def test_a_definition_that_does_not_fit_the_columns(definition: TableDefinition, said: str) -> None:
    with pytest.raises(ConfigurationError) as e:
        TableLayout(definition, COLUMNS)

    assert e.value.message == said
    assert e.value.remedy


@pytest.mark.parametrize("name", ["xmin", "change_run", "c" * 64])
def test_a_column_of_the_source_that_the_target_cannot_have(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Column {name} of apps.orders") as e:
        TableLayout(TableDefinition(SOURCE, TARGET), (*COLUMNS, Column(name, NUMBER)))

    assert "`columns: [id, year, sold_on]`" in str(e.value.remedy)


def test_more_columns_than_a_query_can_add_up() -> None:
    columns = [Column(f"c{number}", NUMBER) for number in range(491)]
    definition = TableDefinition(SOURCE, TARGET)

    TableLayout(definition, tuple(columns[:490]))
    with pytest.raises(ConfigurationError, match="has 491 columns, and at most 490"):
        TableLayout(definition, tuple(columns))


def test_the_line_that_leaves_a_column_out() -> None:
    layout = TableLayout(TableDefinition(SOURCE, TARGET), COLUMNS)

    assert without(layout, "year") == "`columns: [id, sold_on]`"
