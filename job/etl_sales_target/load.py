"""The pipeline: lock, check, digest, plan, copy, reconcile, record, commit."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

import structlog

from etl_sales_target.core import digest, guards
from etl_sales_target.core.control_totals import total_rows
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.errors import StoppedError
from etl_sales_target.core.plan import LoadRequest, Plan, make_plan
from etl_sales_target.core.reconciliation import at_most, reconcile
from etl_sales_target.core.result import Attempt, Outcome, Phase, Report
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.postgres.lock import take_lock
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.postgres.target import Target
from etl_sales_target.runtime import memory, progress, signals

log = structlog.get_logger()


@dataclass(frozen=True)
class Load:
    """One attempt to make a target equal to its source.

    `report` makes the report of the attempt as it stands, for the ledger.
    """

    definition: TableDefinition
    request: LoadRequest
    max_shrink_percent: int
    run_id: str
    attempt: Attempt
    report: Callable[[Outcome], Report]

    def execute(
        self, session: PostgresSession, open_source: Callable[[], AbstractContextManager[Source]]
    ) -> bool:
        """Loads; returns False where an earlier attempt turns out to have done so.

        From the lock to the commit it is one transaction in PostgreSQL, and one read-only
        transaction in Oracle for all that is read. Where it raises before the commit, the target
        is as it was; where the commit's answer was lost, the ledger tells.
        """
        attempt = self.attempt
        ledger = Ledger(session, self.definition.target)
        with attempt.timed(Phase.LOCK):
            self._announce(session, ledger)
            take_lock(session, self.definition.target)
            if ledger.outcome(self.run_id) == Outcome.SUCCEEDED:
                log.info("commit_confirmed")  # An earlier attempt did not hear the answer.
                return False
            attempt.abandoned_runs = ledger.close_abandoned(self.run_id)
            attempt.earlier_runs = ledger.earlier_runs(self.run_id)
        with open_source() as source:
            try:
                target = self._check(source, session)
                self._load(source, target, ledger)
            finally:
                attempt.bytes_from_oracle = source.bytes_received
        with signals.deferred(), attempt.timed(Phase.COMMIT):
            attempt.end(peak_memory_bytes=memory.peak_bytes())
            ledger.close(self.report(Outcome.SUCCEEDED))
            session.commit()
        if attempt.rows_deleted:
            self._vacuum(session, target)
        return True

    def _announce(self, session: PostgresSession, ledger: Ledger) -> None:
        """Records the run apart from its load, so that one that is killed leaves a trace."""
        for name in ledger.create_missing():
            log.info("object_created", name=name)
        ledger.open(self.report(Outcome.RUNNING))
        session.commit()

    def _check(self, source: Source, session: PostgresSession) -> Target:
        attempt = self.attempt
        with attempt.timed(Phase.CHECK):
            attempt.columns = source.layout.columns
            target = Target(session, source.layout)
            if not target.exists():
                target.create(source.layout_with_comments())
                log.info("object_created", name=str(self.definition.target))
            target.check()
        return target

    def _load(self, source: Source, target: Target, ledger: Ledger) -> None:
        attempt = self.attempt
        plan = attempt.plan = _plan(source, target, ledger, self.request, attempt)
        log.info(
            "plan_created",
            periods=plan.statuses,
            rows_source=plan.rows_source,
            rows_to_delete=plan.rows_to_delete,
            rows_to_copy=plan.rows_to_copy,
        )
        if not self.request.allow_shrink:
            guards.check_shrink(plan, self.max_shrink_percent)
        if plan.reloads:
            self._copy(source, target, plan)
            self._reconcile(source.layout, target, plan)
            ledger.write_loaded_periods(plan.digests(), source.layout, self.run_id)

    def _copy(self, source: Source, target: Target, plan: Plan) -> None:
        attempt = self.attempt
        with attempt.timed(Phase.COPY), closing(source.batches(plan.periods_to_read)) as batches:
            attempt.rows_deleted = target.delete(plan.periods)
            expected = plan.rows_to_copy
            try:
                attempt.rows_copied = target.copy(
                    progress.track(at_most(expected, batches), total_rows=expected)
                )
            finally:
                attempt.bytes_to_postgres = target.bytes_sent

    def _reconcile(self, layout: TableLayout, target: Target, plan: Plan) -> None:
        attempt = self.attempt
        with attempt.timed(Phase.RECONCILE):
            target.settle()
            totals = target.control_totals(plan.periods)
            # The control totals of all periods have counted the whole table already.
            rows_target = total_rows(totals.values()) if plan.periods is None else target.count()
            reconcile(
                plan.expected(),
                totals,
                columns=layout.columns,
                magnitudes=target.magnitudes,
                rows={
                    "rows deleted": (plan.rows_to_delete, attempt.rows_deleted),
                    "rows copied": (plan.rows_to_copy, attempt.rows_copied),
                    "rows of the target": (plan.rows_after, rows_target),
                },
            )
            log.info("reconciliation_passed", periods=len(plan.reloads), rows=attempt.rows_copied)
            repeated_keys = target.repeated_keys(plan.periods)
            attempt.warnings = list(guards.warnings(plan, layout, repeated_keys))
        for warning in attempt.warnings:
            log.warning("source_warning", warning=warning)

    def _vacuum(self, session: PostgresSession, target: Target) -> None:
        """After the commit nothing may fail the run any more, not even a signal."""
        with self.attempt.timed(Phase.VACUUM):
            try:
                with signals.enabled():
                    session.vacuum(target.table)
            except StoppedError:
                log.info("vacuum_stopped")
            except Exception as error:  # noqa: BLE001
                log.warning("vacuum_failed", error=str(error))


def preview(session: PostgresSession, source: Source, request: LoadRequest) -> Plan:
    """The plan that a load would carry out now. Locks and writes nothing."""
    layout = source.layout
    target, ledger = Target(session, layout), Ledger(session, layout.definition.target)
    session.begin_snapshot(read_only=True)
    if target.exists():
        target.check()
    return _plan(source, target, ledger, request, attempt=None)


def _plan(
    source: Source,
    target: Target,
    ledger: Ledger,
    request: LoadRequest,
    attempt: Attempt | None,
) -> Plan:
    """Takes the source's snapshot, keeps other writers out of the target, and compares the two.

    A dry run, which is no attempt, keeps nobody out, and may come before the first load.
    """
    is_dry_run = attempt is None
    attempt = attempt or Attempt()
    with attempt.timed(Phase.DIGEST):
        attempt.snapshot = source.begin_snapshot()
        log.info("snapshot_taken", snapshot=attempt.snapshot.isoformat())
        digests = source.digests()
    with attempt.timed(Phase.PLAN):
        if not is_dry_run:
            target.lock_table()
            # Only now can nobody add any more.
            target.refuse_hazards()
        return make_plan(
            request,
            digests,
            {} if is_dry_run and not target.exists() else target.counts(),
            {} if is_dry_run and not ledger.exists() else ledger.loaded_periods(),
            digest.version(source.layout),
        )
