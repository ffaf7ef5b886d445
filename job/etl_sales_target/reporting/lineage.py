"""OpenLineage: a run tells the lineage server what it read and what it wrote.

Its client library, the extra `lineage`, takes most of a second to import: import this module only
where a lineage server is set.
"""

from collections.abc import Callable, Sequence

import structlog
from openlineage.client import OpenLineageClient
from openlineage.client.transport.http import HttpConfig, HttpTransport

from etl_sales_target.core.columns import Column
from etl_sales_target.core.result import Report
from etl_sales_target.reporting import lineage_events
from etl_sales_target.reporting.lineage_events import Datasets
from etl_sales_target.runtime import deadline
from etl_sales_target.runtime.deadline import DeadlineError

log = structlog.get_logger()

_TRANSPORT = {"timeout": 5, "retry": {"total": 1}}
# So long a server that hangs holds a run up at its start, and again at its end. The transport's own
# timeout begins anew with each byte.
_LONGEST_SECONDS = 10


class Lineage:
    """Where a run's events go. What cannot be sent is a warning: the run is the same without.

    `parent` names the task that started the run, as Airflow's macro lineage_parent_id writes it:
    namespace/job/run.
    """

    def __init__(
        self,
        *,
        url: str,
        endpoint: str | None,
        api_key: str | None,
        namespace: str,
        parent: str | None,
        datasets: Datasets,
    ) -> None:
        self._namespace = namespace
        self._parent = parent
        self._datasets = datasets
        self._client: OpenLineageClient | None = None
        config = {**_TRANSPORT, "url": url}
        if api_key:
            config["auth"] = {"type": "api_key", "apiKey": api_key}
        if endpoint:
            config["endpoint"] = endpoint
        _try(lambda: self._connect(config))

    def emit(self, report: Report, columns: Sequence[Column] = ()) -> None:
        """Says where the run is: that it has begun, or how it ended, and the columns if known."""
        client = self._client
        if client is None:
            return

        def send() -> None:
            client.emit(
                lineage_events.event(
                    report,
                    self._datasets,
                    columns=columns,
                    namespace=self._namespace,
                    parent=self._parent,
                )
            )

        _try(lambda: deadline.call(send, seconds=_LONGEST_SECONDS))

    def _connect(self, config: dict[str, object]) -> None:
        self._client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(config)))


def _try(attempt: Callable[[], None]) -> None:
    try:
        attempt()
    except Exception as error:
        log.warning(
            "lineage_failed",
            error=f"{type(error).__name__}: {error}",
            remedy="See OPENLINEAGE_URL and OPENLINEAGE_API_KEY.",
            exc_info=None if isinstance(error, OSError | DeadlineError) else error,
        )
