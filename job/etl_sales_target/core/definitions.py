"""Which source table is loaded into which target table."""

from dataclasses import dataclass

from etl_sales_target.core.columns import COLUMNS
from etl_sales_target.core.names import TableName


@dataclass(frozen=True)
class TableDefinition:
    """A source table, the target table that is kept equal to it, and their columns."""

    source: TableName
    target: TableName
    columns: tuple[str, ...] = COLUMNS
