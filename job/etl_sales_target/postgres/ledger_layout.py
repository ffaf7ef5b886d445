"""The ledger's tables: described here, once, and created where they are missing.

The layout only ever grows: a table or column that is missing is added on the next run, so a newer
job upgrades the layout of an older one. The layout of 0.1, which has other keys and names, is not
upgraded.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Executable,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable

from etl_sales_target.core.names import LEDGER_TABLES
from etl_sales_target.postgres.session import PostgresSession

RUNS, PERIODS = LEDGER_TABLES

_LOCK_LAYOUT = text("SELECT pg_advisory_xact_lock(hashtextextended('etl-sales-target layout', 0))")

_HAS_SCHEMA = text("SELECT to_regnamespace(quote_ident(:name)) IS NOT NULL")


def describe(schema: str) -> tuple[Table, Table]:
    """The tables of the runs and of the loaded periods in this schema."""
    metadata = MetaData(schema=schema)
    runs = Table(
        RUNS,
        metadata,
        Column("run_id", Text, primary_key=True),
        Column("target_table", Text, primary_key=True),
        Column("source_table", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("triggered_by", Text, nullable=False),
        Column("run_number", BigInteger),
        Column("columns", ARRAY(Text)),
        Column("history_horizon", BigInteger),
        Column("started_at", DateTime(timezone=True), nullable=False),
        Column("finished_at", DateTime(timezone=True)),
        Column("next_attempt_at", DateTime(timezone=True)),
        Column("outcome", Text, nullable=False),
        Column("phase", Text),
        Column("error_code", Text),
        Column("error", Text),
        Column("exit_code", Integer),
        Column("snapshot", DateTime(timezone=True)),
        Column("rows_source", BigInteger),
        Column("rows_target", BigInteger),
        Column("rows_read", BigInteger),
        Column("rows_inserted", BigInteger),
        Column("rows_deleted", BigInteger),
        Column("rows_unchanged", BigInteger),
        Column("periods_new", Integer),
        Column("periods_changed", Integer),
        Column("periods_removed", Integer),
        Column("periods_drifted", Integer),
        Column("periods_forced", Integer),
        Column("periods_unchanged", Integer),
        Column("retries", Integer),
        Column("seconds", Numeric),
        Column("report", JSONB),
    )
    loaded_periods = Table(
        PERIODS,
        metadata,
        Column("target_table", Text, primary_key=True),
        Column("period", Text, primary_key=True),
        Column("period_year", Numeric),
        Column("period_month", Numeric),
        Column("row_count", BigInteger, nullable=False),
        Column("digest", Text, nullable=False),
        Column("digest_version", Text, nullable=False),
        Column("sums", JSONB, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("loaded_at", DateTime(timezone=True), nullable=False),
    )
    return runs, loaded_periods


class LedgerLayout:
    """The ledger's tables in one schema, in an open session."""

    def __init__(self, session: PostgresSession, schema: str) -> None:
        self._session = session
        self._schema = schema
        self.runs, self.periods = describe(schema)

    def exists(self) -> bool:
        """Whether both tables are there."""
        return all(map(self._session.column_types, (self.runs, self.periods)))

    def check(self) -> None:
        """Raises NotAllowedError where this user may not write the ledger."""
        self._session.require(self.runs, "SELECT", "INSERT", "UPDATE")
        self._session.require(self.periods, "SELECT", "INSERT", "DELETE")

    def create_missing(self) -> list[str]:
        """Makes the schema, tables and columns that are missing; returns their names."""
        if not self._missing():
            return []
        # Two first runs at once would stumble over each other, IF NOT EXISTS or not.
        self._session.execute(_LOCK_LAYOUT)
        missing = self._missing()
        for statement in missing.values():
            self._session.execute(statement)
        return list(missing)

    def _missing(self) -> dict[str, Executable]:
        """What the layout lacks, by name, each with the statement that makes it."""
        missing: dict[str, Executable] = {}
        if not self._session.execute(_HAS_SCHEMA, name=self._schema).scalar():
            missing[self._schema] = CreateSchema(self._schema)
        for table in (self.runs, self.periods):
            columns = self._session.column_types(table)
            if not columns:
                missing[str(table)] = CreateTable(table)
                continue
            for column in table.columns:
                if column.name not in columns:
                    missing[str(column)] = self._add_column(table, column)
        return missing

    def _add_column(self, table: Table, column: Column[Any]) -> Executable:
        definition = self._session.sql_of(CreateColumn(column))
        return text(f"ALTER TABLE {self._session.name_of(table)} ADD COLUMN {definition}")
