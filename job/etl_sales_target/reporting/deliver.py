"""What a run leaves when it has ended: its report in files, its metrics on the Pushgateway.

Nothing here changes how the run ended: what cannot be left is a warning in the log.
"""

import json
import sys
from pathlib import Path

import structlog

from etl_sales_target.config.settings import Settings
from etl_sales_target.core.errors import JobError
from etl_sales_target.core.result import Report

log = structlog.get_logger()

STDOUT = Path("-")

# Airflow's sidecar offers the folder and takes the file.
_XCOM_FOLDER = Path("/airflow/xcom")
_XCOM_FILE = "return.json"


def deliver(report: Report, settings: Settings, file: Path | None) -> None:
    """The report to `file` (or STDOUT) and XCom, the metrics to the gateway."""
    text = json.dumps(report.as_json(), ensure_ascii=False)
    if file == STDOUT:
        sys.stdout.write(f"{text}\n")
    elif file:
        _write(file, f"{text}\n")
    if _XCOM_FOLDER.is_dir():
        _write(_XCOM_FOLDER / _XCOM_FILE, text)
    _push(report, settings)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        log.warning("report_not_written", file=str(file), error=str(error.strerror))


def _push(report: Report, settings: Settings) -> None:
    if not settings.pushgateway_url:
        return
    # Here, not at the top: nothing of it is needed until the run has ended.
    from etl_sales_target.reporting.metrics import ReportCollector  # noqa: PLC0415
    from etl_sales_target.reporting.pushgateway import Pushgateway  # noqa: PLC0415

    try:
        gateway = Pushgateway.read(settings)
        if gateway:
            gateway.push(ReportCollector(report))
            log.info("metrics_pushed", url=gateway.url)
    except JobError as error:
        log.warning(
            "metrics_push_failed", error=error.message, code=error.code, remedy=error.remedy
        )
