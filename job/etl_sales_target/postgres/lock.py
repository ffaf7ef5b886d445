"""The lock that lets one run at a time load a target."""

from sqlalchemy import text

from etl_sales_target.core.errors import LockedError, TemporaryError
from etl_sales_target.core.names import TableName
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


def take_lock(session: PostgresSession, target: TableName) -> None:
    """Makes this run the only one until its transaction ends; readers do not feel it.

    Raises LockedError, with the holder's name, where another run is loading.
    """
    name = f"etl-sales-target:{target}"
    if session.execute(_TRY_LOCK, name=name).scalar():
        return
    holder = session.execute(_LOCK_HOLDER, name=name).first()
    if holder and holder.is_this_run:
        raise TemporaryError(
            f"A lost session of this run still holds the lock of {target}.",
            remedy="The server was asked to end it; try again.",
        )
    held_by = f"{holder.application_name} (PostgreSQL pid {holder.pid})" if holder else "unknown"
    raise LockedError(
        f"Another run is loading {target}: {held_by}.",
        remedy="Wait for it to end, then run again.",
        holder=held_by,
    )
