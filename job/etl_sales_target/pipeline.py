"""The line: lock, check, snapshot, plan, copy, proof, commit. Each step is one call."""

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from etl_sales_target.model import Figures, Months, Period, Plan, Report
from etl_sales_target.progress import Progress
from etl_sales_target.proof import prove
from etl_sales_target.source import Source
from etl_sales_target.target import Target

log = structlog.get_logger()


def load(
    open_target: Callable[[], Target],
    open_source: Callable[[], Source],
    report: Report,
    months: Months | None = None,
) -> None:
    """Makes the target equal to the source: all periods, or just those of `months`.

    Everything up to `commit` is one transaction in each database. Fills in `report`, also when it
    raises a JobError; then the target is as it was.
    """
    start = time.monotonic()
    try:
        with open_target() as target:
            with phase(report, "lock"):
                target.begin()
                target.lock()
            with open_source() as source:
                try:
                    _load(source, target, report, months)
                finally:
                    report.bytes_from_oracle = source.bytes_received
                    report.bytes_to_postgres = target.bytes_sent
            with phase(report, "commit"):
                target.commit()
            _vacuum(target, report)
    finally:
        report.seconds = round(time.monotonic() - start, 3)
        report.peak_memory_bytes = peak_memory_bytes()


def _load(source: Source, target: Target, report: Report, months: Months | None) -> None:
    with phase(report, "check"):
        source.check_columns()
        for name in target.create_missing():
            log.info("target_created", name=name)
        target.check_table()
        target.lock_table()
    with phase(report, "snapshot"):
        report.snapshot = source.begin_snapshot()
        log.info("snapshot_taken", snapshot=report.snapshot)
    with phase(report, "plan"):
        plan = make_plan(source.figures(), target.figures(), months)
        _note_plan(plan, report)
    with phase(report, "copy"):
        _copy(source, target, plan, report)
    with phase(report, "proof"):
        prove(plan, target.figures(), rows_copied=report.rows_copied)
        log.info("proof_passed", periods=report.periods, rows=report.rows_copied)


def make_plan(
    source: Mapping[Period, Figures], target: Mapping[Period, Figures], months: Months | None
) -> Plan:
    """All periods of both sides, so that those that left the source go; or those of `months`."""
    known = sorted(source.keys() | target.keys(), key=lambda period: period.sort_key)
    wanted = [period for period in known if months is None or period in months]
    return Plan(source=source, target=target, periods=wanted)


def _note_plan(plan: Plan, report: Report) -> None:
    report.periods = len(plan.periods)
    report.rows_source = sum(figures.rows for figures in plan.source.values())
    log.info(
        "planned",
        periods=report.periods,
        rows_source=report.rows_source,
        rows_to_delete=plan.rows_to_delete,
        rows_to_copy=plan.rows_to_copy,
    )


def _copy(source: Source, target: Target, plan: Plan, report: Report) -> None:
    start = time.monotonic()
    # Without a WHERE where it would name every period: one plain scan on both sides.
    periods = None if plan.is_whole_table else plan.periods
    report.rows_deleted = target.delete(periods)
    with Progress(total=plan.rows_to_copy) as progress:
        report.rows_copied = target.copy(source.batches(periods), progress.add)
    seconds = time.monotonic() - start
    report.rows_per_second = round(report.rows_copied / seconds) if seconds else 0


def _vacuum(target: Target, report: Report) -> None:
    """After the commit nothing may fail the run any more."""
    with phase(report, "vacuum"):
        try:
            target.vacuum()
        except Exception as error:  # noqa: BLE001
            log.warning("vacuum_failed", error=str(error))


@contextmanager
def phase(report: Report, name: str) -> Iterator[None]:
    """Times a step of the line, and remembers it as the run's current one."""
    report.phase = name
    start = time.monotonic()
    try:
        yield
    finally:
        report.phase_seconds[name] = round(time.monotonic() - start, 3)


def peak_memory_bytes() -> int:
    """The process's high-water mark of resident memory (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
