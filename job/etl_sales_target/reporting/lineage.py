"""OpenLineage: a run tells the lineage server what it read and what it wrote.

Only where `OPENLINEAGE_URL` is set. Its client library, the extra `lineage`, takes most of a second
to import, so neither it nor `lineage_events` is imported before that is known.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from etl_sales_target.config import airflow_connection as connections
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.result import Report
from etl_sales_target.runtime import logs

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

    from etl_sales_target.reporting.lineage_events import Datasets

log = structlog.get_logger()

_URL = "OPENLINEAGE_URL"
_ENDPOINT = "OPENLINEAGE_ENDPOINT"
API_KEY = "OPENLINEAGE_API_KEY"

# A server that hangs holds a run up for twice this at its start, and again at its end.
_TRANSPORT = {"timeout": 5, "retry": {"total": 1}}


class Lineage:
    """A run's events. What cannot be sent is a warning: the run is the same without."""

    def __init__(self, settings: Settings, make_datasets: Callable[[], "Datasets"]) -> None:
        self._settings = settings
        self._make_datasets = make_datasets
        self._client: OpenLineageClient | None = None

    def start(self, report: Report) -> None:
        """Says that the run has begun, where there is a server to say it to."""
        if os.environ.get(_URL):
            self._try(self._connect)
            self._emit(report)

    def end(self, report: Report) -> None:
        """Says that the run has ended, well or badly."""
        self._emit(report)

    def _emit(self, report: Report) -> None:
        client = self._client
        if client is None:
            return
        from etl_sales_target.reporting import lineage_events  # noqa: PLC0415

        self._try(lambda: client.emit(lineage_events.event(report, self._make_datasets())))

    def _connect(self) -> None:
        from openlineage.client import OpenLineageClient  # noqa: PLC0415
        from openlineage.client.transport.http import HttpConfig, HttpTransport  # noqa: PLC0415

        key = connections.load_secret(API_KEY, os.environ, self._settings.connections_dir)
        logs.register_secrets([key])
        config = {**_TRANSPORT, "url": os.environ[_URL]}
        if key:
            config["auth"] = {"type": "api_key", "apiKey": key}
        if endpoint := os.environ.get(_ENDPOINT):
            config["endpoint"] = endpoint
        self._client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(config)))

    def _try(self, attempt: Callable[[], None]) -> None:
        try:
            attempt()
        except ImportError as error:
            remedy = "Install etl-sales-target[lineage]; the image has it."
            log.warning("lineage_failed", error=str(error), remedy=remedy)
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            log.warning("lineage_failed", error=str(error), remedy=f"See {_URL} and {API_KEY}.")
