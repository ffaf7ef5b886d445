"""The line: lock, check, snapshot, plan, copy, proof, record, commit. Each step is one call."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import structlog

from etl_sales_target.config.settings import Settings
from etl_sales_target.core import guards
from etl_sales_target.core.errors import StoppedError
from etl_sales_target.core.periods import total_rows
from etl_sales_target.core.plan import LoadRequest, Plan, make_plan
from etl_sales_target.core.reconciliation import at_most, reconcile
from etl_sales_target.core.result import Outcome, Report
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.postgres.session import Postgres
from etl_sales_target.postgres.target import Target
from etl_sales_target.runtime import signals
from etl_sales_target.runtime.progress import Progress

log = structlog.get_logger()


def load(
    postgres: Postgres,
    open_source: Callable[[], Source],
    settings: Settings,
    request: LoadRequest,
    report: Report,
) -> None:
    """Makes the target equal to the source, in one attempt.

    From the lock to the commit it is one transaction in each database. Fills in `report`, also
    when it raises a JobError; then the target is as it was.
    """
    target = Target(postgres, settings.target_table)
    ledger = Ledger(postgres, settings.target_table)
    with phase(report, "lock"):
        _announce(postgres, ledger, report)
        postgres.begin()
        target.lock()
        if ledger.outcome(report.run_id) == Outcome.SUCCEEDED:
            log.info("commit_confirmed")  # An earlier attempt did not hear the answer.
            return
        report.abandoned_runs = ledger.close_abandoned(report.run_id)
        report.earlier_runs = ledger.earlier_runs(report.run_id)
    with open_source() as source:
        try:
            _load(
                source,
                target,
                ledger,
                request=request,
                report=report,
                max_shrink_percent=settings.max_shrink_percent,
            )
        finally:
            report.bytes_from_oracle = source.bytes_received
            report.bytes_to_postgres = postgres.bytes_sent
    report.succeed()
    with signals.deferred(), phase(report, "commit"):
        ledger.close(report)
        postgres.commit()
    if report.rows_deleted:
        _vacuum(postgres, target, report)


def preview(postgres: Postgres, source: Source, settings: Settings, request: LoadRequest) -> Plan:
    """The plan that a load would carry out now. Locks and writes nothing."""
    target = Target(postgres, settings.target_table)
    ledger = Ledger(postgres, settings.target_table)
    source.check_columns()
    postgres.begin_snapshot(read_only=True)
    if target.exists():
        target.check()
    source.begin_snapshot()
    return make_plan(
        request,
        source=source.digests(),
        target_rows=target.counts() if target.exists() else {},
        loaded_periods=ledger.loaded_periods() if ledger.exists() else {},
        digest_version=source.digest_version,
    )


def _announce(postgres: Postgres, ledger: Ledger, report: Report) -> None:
    """Notes the run apart from its load, so that one that is killed leaves a trace."""
    postgres.begin()
    for name in ledger.create_missing():
        log.info("created", name=name)
    ledger.open(report)
    postgres.commit()


def _load(
    source: Source,
    target: Target,
    ledger: Ledger,
    *,
    request: LoadRequest,
    report: Report,
    max_shrink_percent: int,
) -> None:
    with phase(report, "check"):
        source.check_columns()
        if target.create_missing():
            log.info("created", name=report.target)
        target.check()
    with phase(report, "digest"):
        report.snapshot = source.begin_snapshot()
        log.info("snapshot_taken", snapshot=report.snapshot.isoformat())
        content = source.digests()
    with phase(report, "plan"):
        target.lock_table()
        plan = make_plan(
            request,
            content,
            target.counts(),
            ledger.loaded_periods(),
            digest_version=source.digest_version,
        )
        report.note_plan(plan)
        log.info(
            "plan_created",
            periods=report.periods,
            rows_source=plan.rows_source,
            rows_to_delete=plan.rows_to_delete,
            rows_to_copy=plan.rows_to_copy,
        )
        if not request.allow_shrink:
            guards.check_shrink(plan, max_shrink_percent)
    if plan.reloads:
        _reload(source, target, plan, report)
        ledger.write_loaded_periods(plan.contents(), source.digest_version, report.run_id)
    report.rows_target = plan.rows_after


def _reload(source: Source, target: Target, plan: Plan, report: Report) -> None:
    periods = plan.periods
    with phase(report, "copy"):
        start = time.monotonic()
        report.rows_deleted = target.delete(periods)
        with (
            Progress(total=plan.rows_to_copy) as progress,
            closing(source.batches(periods)) as batches,
        ):
            report.rows_copied = target.copy(at_most(plan.rows_to_copy, batches), progress.add)
        seconds = time.monotonic() - start
        report.rows_per_second = round(report.rows_copied / seconds) if seconds else 0
    with phase(report, "reconcile"):
        target.analyze()
        totals = target.control_totals(periods)
        # The totals of all periods have counted the whole table already.
        rows_target = total_rows(totals.values()) if periods is None else target.count()
        reconcile(
            plan.expected(),
            totals,
            rows={
                "rows deleted": (plan.rows_to_delete, report.rows_deleted),
                "rows copied": (plan.rows_to_copy, report.rows_copied),
                "rows of the target": (plan.rows_after, rows_target),
            },
        )
        log.info("reconciliation_passed", periods=len(plan.reloads), rows=report.rows_copied)
        report.warnings = list(guards.warnings(plan, source.repeated_ids()))
        for warning in report.warnings:
            log.warning("source_warning", warning=warning)


def _vacuum(postgres: Postgres, target: Target, report: Report) -> None:
    """After the commit nothing may fail the run any more, not even a signal."""
    with phase(report, "vacuum"):
        try:
            with signals.enabled():
                postgres.vacuum(target.table)
        except StoppedError:
            log.info("vacuum_stopped")
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
