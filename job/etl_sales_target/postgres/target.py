"""The target table: made where it is missing, checked, locked, counted, replaced by periods."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import delete, func, select, text
from sqlalchemy.schema import CreateTable

from etl_sales_target.core import control_totals, statements
from etl_sales_target.core.columns import COLUMNS
from etl_sales_target.core.control_totals import ControlTotals
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.core.errors import LockedError, NotFoundError, TemporaryError
from etl_sales_target.core.names import TableName
from etl_sales_target.core.periods import Period
from etl_sales_target.postgres import hazards
from etl_sales_target.postgres.session import PostgresSession

_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")

_LOCK_HOLDER = text("""
    SELECT activity.application_name, activity.pid,
           activity.application_name = current_setting('application_name') AS is_this_run
      FROM pg_locks AS lock
      JOIN pg_stat_activity AS activity USING (pid)
     WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
       AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (lock.classid::bigint << 32 | lock.objid::bigint) = hashtextextended(:name, 0)
""")


class Target:
    """A table of PostgreSQL, in the transaction of an open session."""

    def __init__(self, session: PostgresSession, name: TableName) -> None:
        self._session = session
        self._name = name
        self.table = statements.describe(name)

    def lock(self) -> None:
        """Makes this run the only one until its transaction ends; readers do not feel it.

        Raises LockedError, with the holder's name, where another run is loading.
        """
        name = f"etl-sales-target:{self._name}"
        if self._session.execute(_TRY_LOCK, name=name).scalar():
            return
        holder = self._session.execute(_LOCK_HOLDER, name=name).first()
        if holder and holder.is_this_run:
            raise TemporaryError(
                f"A lost session of this run still holds the lock of {self._name}.",
                remedy="The server was asked to end it; try again.",
            )
        held_by = (
            f"{holder.application_name} (PostgreSQL pid {holder.pid})" if holder else "unknown"
        )
        raise LockedError(
            f"Another run is loading {self._name}: {held_by}.",
            remedy="Wait for it to end, then run again.",
            holder=held_by,
        )

    def create_missing(self) -> bool:
        """Makes the table where it is missing; returns whether it did."""
        if self.exists():
            return False
        self._session.execute(CreateTable(self.table))
        return True

    def exists(self) -> bool:
        """Whether the table is there."""
        return bool(self._session.column_types(self.table))

    def check(self) -> None:
        """Raises a JobError where the table cannot be loaded, or only with harm."""
        self.check_columns()
        self.refuse_hazards()
        self._session.require(self.table, "SELECT", "INSERT", "DELETE")

    def refuse_hazards(self) -> None:
        """Raises TargetRefusedError, naming what a load would harm."""
        hazards.refuse_hazards(self._session, self.table, COLUMNS)

    def check_columns(self) -> None:
        """Raises NotFoundError where the table is missing, or cannot hold the source's rows."""
        types = self._session.column_types(self.table)
        if not types:
            raise NotFoundError(f"The target {self._name} is not there.", remedy="`run` makes it.")
        for column in COLUMNS:
            if types.get(column) != "numeric":
                raise NotFoundError(
                    f"Column {column} of {self._name} is {types.get(column, 'not there')}, "
                    "not numeric.",
                    remedy=f"ALTER TABLE {self._name} so that {column} is NUMERIC without "
                    "precision; anything else would lose digits.",
                    column=column,
                )

    def lock_table(self) -> None:
        """Keeps other writers out until the end of the transaction; readers go on."""
        name = self._session.name_of(self.table)
        self._session.execute(text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))

    def counts(self) -> dict[Period, int]:
        """Each period's rows."""
        return statements.read_counts(self._session.execute(statements.counts(self.table)))

    def count(self) -> int:
        """The rows of the whole table."""
        statement = select(func.count()).select_from(self.table)
        return int(self._session.execute(statement).scalar_one())

    def analyze(self) -> None:
        """Tells the planner how few periods there are: else it sorts all rows to add them up."""
        self._session.analyze(self.table)

    def control_totals(
        self, periods: Sequence[Period] | None = None
    ) -> Mapping[Period, ControlTotals]:
        """The rows, non-null counts and sums of these periods (None: of all)."""
        statement = control_totals.statement(self.table, periods)
        return control_totals.read(self._session.execute(statement))

    def magnitudes(self, periods: Sequence[Period]) -> Mapping[Period, Mapping[str, Decimal]]:
        """The sums of absolute values of these periods, by column."""
        statement = control_totals.magnitudes(self.table, periods)
        return control_totals.read_magnitudes(self._session.execute(statement))

    def delete(self, periods: Sequence[Period] | None) -> int:
        """Deletes all rows of these periods (None: of the table); returns how many."""
        statement = delete(self.table)
        if periods is not None:
            statement = statement.where(statements.in_periods(self.table, periods))
        return self._session.execute(statement).rowcount

    def copy(self, batches: Iterable[Batch]) -> int:
        """Appends the batches; returns the rows sent."""
        return self._session.copy(self.table, batches)
