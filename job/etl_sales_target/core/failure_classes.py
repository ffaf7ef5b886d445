"""What a database's error means for the run, and what to do about it.

These are the classes that both databases have; `oracle.errors` and `postgres.errors` say which code
belongs to which class, and add classes of their own.
"""

from dataclasses import dataclass

from etl_sales_target.core.errors import (
    JobError,
    NotAllowedError,
    NotFoundError,
    TemporaryError,
)


@dataclass(frozen=True)
class FailureClass:
    """The error that a code is raised as, and the suggested fix that it carries."""

    error: type[JobError]
    remedy: str

    def make(self, message: str, *, code: str | None) -> JobError:
        """The error of this class for a message and code of a database."""
        return self.error(message, code=code, remedy=self.remedy)


NETWORK = FailureClass(
    TemporaryError, "Check that the database is up and reachable from here; try again."
)
LOGIN = FailureClass(
    NotAllowedError, "Correct the user or password of the connection; do not retry."
)
GRANT = FailureClass(NotAllowedError, "Ask the DBA for the privilege that is missing.")
MISSING = FailureClass(
    NotFoundError,
    "Check the name in the settings or in ETL_TABLES_FILE, and that this user can see the object.",
)
TYPE = FailureClass(
    NotFoundError, "Make the types of both sides match: `etl-sales-target tables` shows them."
)
BUSY = FailureClass(TemporaryError, "The database is busy; try again.")
TLS = FailureClass(
    NotAllowedError, "Check the certificate authority, the host name and the validity dates."
)
