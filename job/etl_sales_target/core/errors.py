"""What can go wrong, and the exit code of each kind (those of sysexits.h; 143 is 128 + SIGTERM).

Failure
├── JobError                70  a bug; the base of all that is an Exception
│   ├── DataError           65  reconciliation, guard, refused rows, or what `verify` found
│   ├── NotFoundError       69  something needed is not there: table, column, client library
│   ├── TargetRefusedError  69  a load would harm something in the target
│   ├── TemporaryError      75  try again: network, busy, locked
│   │   └── LockedError     75  another run is loading
│   ├── NotAllowedError     77  login or grant
│   └── ConfigurationError  78  a setting or a connection cannot be used
└── StoppedError           143  SIGTERM or SIGINT; no Exception, so that none swallows it
"""

from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why a command failed, in a word: finer than the exit code, for alerts."""

    BUG = "bug"
    CONFIGURATION = "configuration"
    DATA_REFUSED = "data_refused"
    GUARD_REFUSED = "guard_refused"
    LOCKED = "locked"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    RECONCILIATION_FAILED = "reconciliation_failed"
    STOPPED = "stopped"
    TARGET_REFUSED = "target_refused"
    TEMPORARY = "temporary"


class Failure(BaseException):
    """What a command can fail by and name; each is a JobError or the StoppedError.

    `code` is the ORA-, DPY-, DPI- code or SQLSTATE where a database said one, `remedy` tells the
    reader what to do, `fields` go to the log as they are. None of them ever holds a secret.
    """

    exit_code: int
    reason: Reason

    def __init__(
        self, message: str, *, code: str | None = None, remedy: str | None = None, **fields: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.remedy = remedy
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" if self.remedy else self.message


class JobError(Failure, Exception):
    """A failure of the job, of a database or of what is between them."""

    exit_code = 70
    reason = Reason.BUG


class DataError(JobError):
    """Source and target are not equal, or would not be."""

    exit_code = 65
    reason = Reason.DATA_REFUSED


class NotFoundError(JobError):
    """A table, a column or a library that the job needs is not there."""

    exit_code = 69
    reason = Reason.NOT_FOUND


class TargetRefusedError(JobError):
    """The target has something that a load would harm, or that would stop it."""

    exit_code = 69
    reason = Reason.TARGET_REFUSED


class TemporaryError(JobError):
    """The same run may succeed later; `runtime.retrying` tries it again."""

    exit_code = 75
    reason = Reason.TEMPORARY


class LockedError(TemporaryError):
    """Another run holds the lock of this target."""

    reason = Reason.LOCKED


class NotAllowedError(JobError):
    """A login or a privilege was refused; trying again would only lock the account."""

    exit_code = 77
    reason = Reason.NOT_ALLOWED


class ConfigurationError(JobError):
    """A setting or a connection cannot be understood."""

    exit_code = 78
    reason = Reason.CONFIGURATION


class StoppedError(Failure):
    """Somebody asked the process to stop.

    Like KeyboardInterrupt no Exception: it passes every `except Exception`, ours and a library's.
    """

    exit_code = 143
    reason = Reason.STOPPED
