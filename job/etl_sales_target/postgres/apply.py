"""Makes the target's rows equal to those of the source, writing only the rows that differ."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, text, true
from sqlalchemy.schema import CreateTable

from etl_sales_target.core.changes import Operation
from etl_sales_target.core.copy_format import Batch, Encoder
from etl_sales_target.core.differences import Differences
from etl_sales_target.core.periods import Period
from etl_sales_target.core.statements import SqlTable, in_any_of
from etl_sales_target.postgres.history import ChangeRecorder
from etl_sales_target.postgres.session import PostgresSession

# With a server's default of 4 MB, sorting millions of rows takes twice the time.
_WORK_MEM = text("""
    SELECT set_config('work_mem', '64MB', true)
     WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB')
""")


class Apply:
    """One load's writes to a target, in its transaction. Without `changes`, no history is written.

    Delete before you insert: a row may move to another period under a unique index.
    """

    def __init__(
        self, session: PostgresSession, target: SqlTable, changes: ChangeRecorder | None
    ) -> None:
        self._session = session
        self._changes = changes
        self._target = target
        self._differences = Differences(target)
        self._encoder = Encoder(target.layout.columns)
        session.execute(_WORK_MEM)

    @property
    def bytes_sent(self) -> int:
        """What the session's copies have sent so far."""
        return self._session.bytes_sent

    def delete(self, periods: Sequence[Period]) -> int:
        """Deletes all rows of these periods; returns how many."""
        return self._delete(in_any_of(self._differences.target, periods)) if periods else 0

    def stage(self, batches: Iterable[Batch]) -> int:
        """Copies the source's rows into a temporary table; returns how many."""
        staged = self._differences.staged.table
        self._session.execute(CreateTable(staged))
        rows = self._session.copy(staged, batches, self._encoder)
        self._session.analyze(staged)
        return rows

    def delete_surplus(
        self, periods: Sequence[Period] | None, *, rows_source: int, rows_target: int
    ) -> int:
        """Deletes what the target has and the staged rows have not, in these periods (None: all).

        `rows_source` and `rows_target` are the rows that both sides have in them. Returns how many
        were deleted. Also finds what `insert_missing` inserts.
        """
        differences = self._differences
        self._session.execute(CreateTable(differences.missing.table))
        missing = self._session.write(differences.find_missing(periods))
        surplus = rows_target + missing - rows_source
        if surplus == 0:
            return 0
        if surplus == rows_target:
            target = differences.target
            return self._delete(true() if periods is None else in_any_of(target, periods))
        for table in (differences.surplus.table, differences.places):
            self._session.execute(CreateTable(table))
        self._session.write(differences.find_surplus(periods))
        self._session.analyze(differences.surplus.table)
        self._session.write(differences.find_places(periods))
        self._session.analyze(differences.places)
        return self._delete(differences.is_placed)

    def append(self, batches: Iterable[Batch], periods: Sequence[Period] | None) -> int:
        """Copies the source's rows of these periods (None: of all), of which the target has none.

        Returns how many.
        """
        target = self._target
        rows = self._session.copy(target.table, batches, self._encoder)
        if self._changes:
            self._changes.record(
                Operation.INSERT, target, true() if periods is None else in_any_of(target, periods)
            )
        return rows

    def insert_missing(self) -> int:
        """Inserts what `delete_surplus` found to be missing; returns how many rows."""
        if self._changes:
            self._changes.record(Operation.INSERT, self._differences.missing, true())
        return self._session.write(self._differences.insert_missing())

    def _delete(self, condition: ColumnElement[bool]) -> int:
        if self._changes:
            self._changes.record(Operation.DELETE, self._differences.target, condition)
        return self._session.write(self._differences.delete(condition))
