"""The termination message: one line that the pod's status, and so Airflow's task, shows."""

import os
from pathlib import Path

import structlog

from etl_sales_target.runtime import logs

log = structlog.get_logger()

# The kubelet offers the file, and keeps this much of it.
_FILE = Path("/dev/termination-log")
_BYTES = 4096


def write_termination_message(message: str) -> None:
    """Writes the message as one line, where Kubernetes offers the file."""
    if not os.path.exists(_FILE):  # noqa: PTH110 - where Path would raise PermissionError
        return
    line = " ".join(str(logs.redact(message)).split())
    try:
        _FILE.write_text(line.encode()[:_BYTES].decode(errors="ignore"), encoding="utf-8")
    except OSError as error:
        log.warning("termination_message_not_written", error=str(error.strerror))
