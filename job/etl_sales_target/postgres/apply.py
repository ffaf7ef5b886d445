"""Makes the target's rows equal to those of the source, writing only the rows that differ."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, delete, insert, select, text, true
from sqlalchemy.schema import CreateTable, DropTable

from etl_sales_target.core.changes import Operation
from etl_sales_target.core.copy_format import Batch, Encoder
from etl_sales_target.core.differences import Differences
from etl_sales_target.core.periods import Period
from etl_sales_target.core.plan import Slice
from etl_sales_target.core.statements import SqlTable, among
from etl_sales_target.postgres.history import ChangeRecorder
from etl_sales_target.postgres.session import PostgresSession

# With a server's default of 4 MB, sorting millions of rows takes twice the time.
_WORK_MEM = text("""
    SELECT set_config('work_mem', '64MB', true)
     WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB')
""")

# EXCEPT ALL by hashing would hold all rows in the server's memory, whatever work_mem says.
_SORT = text("SET LOCAL enable_hashagg = off")
_SORT_OR_HASH = text("SET LOCAL enable_hashagg TO DEFAULT")


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
        self._staged = SqlTable.temporary("etl_sales_target_staged", target.layout)
        self._encoder = Encoder(target.layout.columns)
        # What is inserted once everything is deleted: rows of a table, with a condition.
        self._to_insert: list[tuple[SqlTable, ColumnElement[bool]]] = []
        session.execute(_WORK_MEM)

    @property
    def bytes_sent(self) -> int:
        """What the session's copies have sent so far."""
        return self._session.bytes_sent

    def delete(self, periods: Sequence[Period] | None) -> int:
        """Deletes all rows of these periods (None: of the table); returns how many."""
        return self._delete(self._target, among(self._target, periods))

    def append(self, batches: Iterable[Batch], periods: Sequence[Period] | None) -> int:
        """Copies the source's rows of these periods (None: of all), of which the target has none.

        Returns how many.
        """
        rows = self._session.copy(self._target.table, batches, self._encoder)
        self._record(Operation.INSERT, self._target, among(self._target, periods))
        return rows

    def stage(self, batches: Iterable[Batch]) -> int:
        """Copies the source's rows into a temporary table; returns how many."""
        self._session.execute(CreateTable(self._staged.table))
        rows = self._session.copy(self._staged.table, batches, self._encoder)
        self._session.analyze(self._staged.table)
        return rows

    def delete_surplus(self, slices: Iterable[Slice]) -> int:
        """Deletes the rows that the target has and the staged rows have not; returns how many.

        Finds, too, what `insert_missing` inserts.
        """
        self._session.execute(_SORT)
        rows = 0
        replaced: list[Slice] = []
        for number, each in enumerate(slices):
            differences = Differences(self._target, self._staged, number)
            missing = self._find_missing(differences, each)
            surplus = each.rows_target + missing - each.rows_source
            if missing == each.rows_source and surplus == each.rows_target:
                self._session.execute(DropTable(differences.missing.table))
                replaced.append(each)
                continue
            self._to_insert.append((differences.missing, true()))
            if surplus:
                rows += self._delete_found(differences, each)
        self._session.execute(_SORT_OR_HASH)
        if replaced:
            periods = _all_periods(replaced)
            self._to_insert.append((self._staged, among(self._staged, periods)))
            rows += self.delete(periods)
        return rows

    def insert_missing(self) -> int:
        """Inserts what `delete_surplus` found to be missing; returns how many rows."""
        names = list(self._target.layout.names)
        rows = 0
        for sql, condition in self._to_insert:
            self._record(Operation.INSERT, sql, condition)
            found = select(*sql.named(names)).where(condition)
            rows += self._session.write(insert(self._target.table).from_select(names, found))
        return rows

    def _find_missing(self, differences: Differences, part: Slice) -> int:
        self._session.execute(CreateTable(differences.missing.table))
        return self._session.write(differences.find_missing(part.periods))

    def _delete_found(self, differences: Differences, part: Slice) -> int:
        for table in (differences.surplus.table, differences.places):
            self._session.execute(CreateTable(table))
        self._session.write(differences.find_surplus(part.periods))
        self._session.analyze(differences.surplus.table)
        self._session.write(differences.find_places(part.periods))
        self._session.analyze(differences.places)
        return self._delete(differences.target, differences.is_placed)

    def _delete(self, target: SqlTable, condition: ColumnElement[bool]) -> int:
        self._record(Operation.DELETE, target, condition)
        return self._session.write(delete(target.table).where(condition))

    def _record(self, operation: Operation, sql: SqlTable, condition: ColumnElement[bool]) -> None:
        if self._changes:
            self._changes.record(operation, sql, condition)


def _all_periods(slices: Iterable[Slice]) -> Sequence[Period] | None:
    """The periods of all these; None: all."""
    found: list[Period] = []
    for each in slices:
        if each.periods is None:
            return None
        found += each.periods
    return found
