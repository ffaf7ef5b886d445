"""The metrics of a run, as Prometheus's families of samples.

They are pushed with POST, which replaces the families of the same name on the Pushgateway and
leaves the others. So what only a success pushes outlives every failure. docs/metrics.md lists them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from etl_sales_target.core.errors import Reason
from etl_sales_target.core.result import Outcome, Report

PREFIX = "etl_sales_target"


class ReportCollector(Collector):
    """A run's metrics for a registry; of one that has just begun, when it did."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        """Every family that this run has something to say of."""
        if self._report.outcome is Outcome.RUNNING:
            yield from _gauges(_OF_A_START, self._report)
            return
        yield from _of_every_run(self._report)
        if self._report.outcome is Outcome.SUCCEEDED:
            yield from _of_a_success(self._report)


def _ended(report: Report) -> float | None:
    return report.finished_at.timestamp() if report.finished_at else None


# Name, help text, and what a run says of it; None: nothing, then the last known value stays.
_Gauge = tuple[str, str, Callable[[Report], float | None]]

_OF_A_START: Sequence[_Gauge] = (
    (
        "last_start_timestamp_seconds",
        "When a run last began; one that hangs has not ended since.",
        lambda report: report.started_at.timestamp(),
    ),
)

_OF_EVERY_RUN: Sequence[_Gauge] = (
    (
        "last_completion_timestamp_seconds",
        "When the last run ended, well or badly.",
        _ended,
    ),
    ("last_run_exit_code", "The last run's exit code.", lambda report: report.exit_code),
    (
        "last_run_duration_seconds",
        "From the last run's start to its end.",
        lambda report: report.seconds,
    ),
    (
        "last_run_retries",
        "How often the last run began again by itself after a passing failure.",
        lambda report: report.retries,
    ),
    (
        "last_run_abandoned_runs",
        "Earlier runs, killed or out of memory, that the last run found unfinished.",
        lambda report: len(report.abandoned_runs),
    ),
    (
        "last_run_oracle_received_bytes",
        "What the last run received from Oracle.",
        lambda report: report.bytes_from_oracle,
    ),
    (
        "last_run_postgres_sent_bytes",
        "The rows that the last run sent to PostgreSQL.",
        lambda report: report.bytes_to_postgres,
    ),
    (
        "last_run_peak_memory_bytes",
        "The most resident memory that the last run's process had.",
        lambda report: report.peak_memory_bytes,
    ),
    (
        "last_run_memory_limit_bytes",
        "The memory limit of the last run's cgroup.",
        lambda report: report.memory_limit_bytes,
    ),
    (
        "source_rows",
        "Rows of the source when a run last counted them.",
        lambda report: report.rows_source,
    ),
)

_OF_A_SUCCESS: Sequence[_Gauge] = (
    ("last_success_timestamp_seconds", "When a run last succeeded.", _ended),
    (
        "last_success_warnings",
        "Warnings of the last successful run on what the source holds.",
        lambda report: len(report.warnings),
    ),
    (
        "target_rows",
        "Rows of the target when it was last loaded.",
        lambda report: report.rows_target,
    ),
    (
        "copy_rows_per_second",
        "How fast the last run that copied rows copied them.",
        lambda report: report.rows_per_second if report.rows_read else None,
    ),
)


def _of_every_run(report: Report) -> Iterator[Metric]:
    yield from _gauges(_OF_EVERY_RUN, report)
    yield _labelled(
        "last_run_outcome",
        "How the last run ended: 1 for succeeded, or for the reason of its failure.",
        "outcome",
        {each: each == (report.reason or report.outcome) for each in outcomes()},
    )
    yield _info(report)
    yield _labelled(
        "last_run_phase_duration_seconds",
        "How long each phase took that the last run reached.",
        "phase",
        report.phase_seconds,
    )
    yield from _runs(report)


def _of_a_success(report: Report) -> Iterator[Metric]:
    yield from _gauges(_OF_A_SUCCESS, report)
    yield _labelled(
        "last_success_rows",
        "Rows that the last successful run read, inserted, deleted and left unchanged.",
        "operation",
        {
            "read": report.rows_read,
            "inserted": report.rows_inserted,
            "deleted": report.rows_deleted,
            "unchanged": report.rows_unchanged or 0,
        },
    )
    yield _labelled(
        "last_success_periods",
        "Periods that the last successful run looked at, by status.",
        "status",
        report.periods,
    )


def _runs(report: Report) -> Iterator[Metric]:
    """Counted from the ledger, which remembers what the process and the gateway forget."""
    if report.earlier_runs is None:
        return
    family = CounterMetricFamily(
        f"{PREFIX}_runs", "Runs in the ledger, by outcome.", labels=["outcome"]
    )
    counts = Counter(report.earlier_runs) + Counter([report.outcome.value])
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABANDONED):
        family.add_metric([outcome.value], counts[outcome.value])
    yield family


def outcomes() -> list[str]:
    """The values of the label `outcome` of `last_run_outcome`."""
    return [Outcome.SUCCEEDED.value, *(reason.value for reason in Reason)]


def _gauges(gauges: Iterable[_Gauge], report: Report) -> Iterator[Metric]:
    for name, text, value_of in gauges:
        value = value_of(report)
        if value is not None:
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _labelled(name: str, text: str, label: str, values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family


def _info(report: Report) -> Metric:
    family = GaugeMetricFamily(
        f"{PREFIX}_last_run_info",
        "The last run's mode and the job's version, always 1.",
        labels=["mode", "version"],
    )
    family.add_metric([report.mode, report.version], 1)
    return family
