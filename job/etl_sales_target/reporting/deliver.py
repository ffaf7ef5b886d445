"""Delivers a run's report: to a file or standard output, to XCom, to the Pushgateway.

Nothing here changes how the run ended: what cannot be delivered is a warning in the log.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from etl_sales_target.core.errors import JobError
from etl_sales_target.core.result import Report

if TYPE_CHECKING:
    from etl_sales_target.reporting.pushgateway import Pushgateway

log = structlog.get_logger()

STDOUT = Path("-")

# Airflow's sidecar offers the folder and takes the file.
_XCOM_FOLDER = Path("/airflow/xcom")
_XCOM_FILE = "return.json"


class ReportWriter:
    """Writes reports to `file` (or STDOUT), a line each, and to XCom where Airflow asks for it.

    XCom holds one document: the report, or a list of the reports of several tables.
    """

    def __init__(self, file: Path | None, *, tables: int = 1) -> None:
        self._file = file
        self._is_list = tables > 1
        self._written: list[str] = []

    def write(self, report: Report) -> None:
        """One more report; nothing here fails."""
        text = json.dumps(report.as_json(), ensure_ascii=False)
        self._written.append(text)
        if self._file == STDOUT:
            sys.stdout.write(f"{text}\n")
        elif self._file:
            _write(self._file, "".join(f"{each}\n" for each in self._written))
        if os.path.isdir(_XCOM_FOLDER):  # noqa: PTH112 - where Path would raise PermissionError
            document = f"[{', '.join(self._written)}]" if self._is_list else text
            _write(_XCOM_FOLDER / _XCOM_FILE, document)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        log.warning("report_not_written", file=str(file), error=str(error.strerror))


def push(report: Report, find_pushgateway: Callable[[], "Pushgateway | None"]) -> None:
    """The run's metrics to the Pushgateway, where there is one."""
    try:
        gateway = find_pushgateway()
        if gateway:
            gateway.push(report)
            log.info("metrics_pushed", url=gateway.url)
    except JobError as error:
        log.warning(
            "metrics_push_failed", error=error.message, code=error.code, remedy=error.remedy
        )
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        log.warning("metrics_push_failed", error=text, exc_info=error)
