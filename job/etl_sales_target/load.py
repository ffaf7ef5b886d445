"""The pipeline: lock, check, digest, plan, copy and apply, reconcile, record, commit."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace

import structlog

from etl_sales_target.core import digest, guards
from etl_sales_target.core.control_totals import total_rows
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.errors import StoppedError
from etl_sales_target.core.periods import Period
from etl_sales_target.core.plan import LoadRequest, Plan, make_plan
from etl_sales_target.core.reconciliation import at_most, reconcile
from etl_sales_target.core.result import Attempt, Outcome, Phase, Report
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.apply import Apply
from etl_sales_target.postgres.history import ChangeRecorder
from etl_sales_target.postgres.ledger import Ledger, LoadRecord
from etl_sales_target.postgres.lock import take_lock
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.postgres.target import Target
from etl_sales_target.runtime import memory, progress, signals

log = structlog.get_logger()

# VACUUM pays where more than a tenth of the rows were deleted.
_VACUUM_DIVISOR = 10


@dataclass(frozen=True)
class Load:
    """One attempt to make a target equal to its source.

    `report` makes the report of the attempt as it stands, for the ledger.
    """

    definition: TableDefinition
    request: LoadRequest
    max_shrink_percent: int
    changes_retention_days: int
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
                self._load(session, source, target, ledger)
            finally:
                attempt.bytes_from_oracle = source.bytes_received
        with signals.deferred(), attempt.timed(Phase.COMMIT):
            attempt.end(peak_memory_bytes=memory.peak_bytes())
            ledger.close(self.report(Outcome.SUCCEEDED))
            session.commit()
        self._clean_up(session, target, ledger)
        return True

    def _announce(self, session: PostgresSession, ledger: Ledger) -> None:
        """Records the run apart from its load, so that one that is killed leaves a trace."""
        for name in ledger.layout.create_missing():
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
            if self.definition.history:
                for name in target.history.prepare():
                    log.info("object_created", name=name)
                target.history.check()
        return target

    def _load(
        self, session: PostgresSession, source: Source, target: Target, ledger: Ledger
    ) -> None:
        attempt = self.attempt
        snapshot, plan = _plan(source, target, ledger, self.request, attempt)
        attempt.plan = plan
        log.info(
            "plan_created",
            periods=plan.statuses,
            rows_source=plan.rows_source,
            rows_to_read=plan.rows_to_read,
        )
        if not self.request.allow_shrink:
            guards.check_shrink(plan, self.max_shrink_percent)
        load, recorder = self._number(plan, snapshot, target, ledger)
        if plan.touched:
            self._write(source, plan, Apply(session, target.sql, recorder))
            self._reconcile(source.layout, target, plan)
            ledger.loaded_periods.write(plan.changed_digests(), source.layout, self.run_id)
        # Only now: until the commit it keeps others from writing the run's row.
        ledger.record_load(self.run_id, load)

    def _number(
        self, plan: Plan, snapshot: datetime.datetime, target: Target, ledger: Ledger
    ) -> tuple[LoadRecord, ChangeRecorder | None]:
        """Gives the run its number, and says whether and how its changes are recorded.

        The first load, and the first with other columns, would record the whole table: they do not.
        Nor does any before a load has compared the whole table.
        """
        history = target.history if self.definition.history else None
        last = ledger.last_load()
        # A ledger that was lost has left its numbers in the history, be it in use or not.
        number = 1 + (ledger.last_number() or target.history.last_run())
        self.attempt.run_number = number
        columns = tuple(f"{each.name} {each.type.target}" for each in target.layout.columns)
        load = LoadRecord(number, snapshot, columns, horizon=number)
        recorder = None
        if history and last and last.columns == load.columns:
            recorder = ChangeRecorder(history, number, last.snapshot, snapshot, plan.changed())
            if not history.is_new:
                load = replace(load, horizon=last.horizon)
        return load, recorder

    def _write(self, source: Source, plan: Plan, apply: Apply) -> None:
        """Deletes before it inserts: a row may move to another period under a unique index."""
        attempt, reads = self.attempt, plan.reads
        if plan.removed:
            with attempt.timed(Phase.APPLY):
                attempt.rows_deleted += apply.delete(plan.removed)
        if reads.stages:
            with self._reading(source, plan, reads.staged, apply) as batches:
                attempt.rows_read += apply.stage(batches)
            with attempt.timed(Phase.APPLY):
                attempt.rows_deleted += apply.delete_surplus(plan.slices())
        if reads.appends:
            with self._reading(source, plan, reads.appended, apply) as batches:
                rows = apply.append(batches, reads.appended)
            attempt.rows_read += rows
            attempt.rows_inserted += rows
        if reads.stages:
            with attempt.timed(Phase.APPLY):
                attempt.rows_inserted += apply.insert_missing()
        log.info(
            "changes_applied",
            rows_read=attempt.rows_read,
            rows_inserted=attempt.rows_inserted,
            rows_deleted=attempt.rows_deleted,
        )

    @contextmanager
    def _reading(
        self, source: Source, plan: Plan, periods: Sequence[Period] | None, apply: Apply
    ) -> Iterator[Iterator[Batch]]:
        """The source's rows of these periods (None: of all), on their way to PostgreSQL."""
        attempt, expected = self.attempt, plan.rows_in_source(periods)
        with attempt.timed(Phase.COPY), closing(source.batches(periods)) as batches:
            try:
                yield progress.track(at_most(expected, batches), total_rows=expected)
            finally:
                attempt.bytes_to_postgres = apply.bytes_sent

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
                    "rows read": (plan.rows_to_read, attempt.rows_read),
                    "rows of the target": (plan.rows_after, rows_target),
                },
            )
            log.info("reconciliation_passed", periods=len(plan.touched), rows=attempt.rows_read)
            repeated_keys = target.repeated_keys(plan.periods)
            attempt.warnings = list(guards.warnings(plan, layout, repeated_keys))
        for warning in attempt.warnings:
            log.warning("source_warning", warning=warning)

    def _clean_up(self, session: PostgresSession, target: Target, ledger: Ledger) -> None:
        """After the commit nothing may fail the run any more, not even a signal."""
        try:
            with signals.enabled():
                self._vacuum(session, target)
                self._prune(session, target, ledger)
        except StoppedError:
            log.info("cleanup_stopped")
        except Exception as error:  # noqa: BLE001
            log.warning("cleanup_failed", error=str(error))

    def _vacuum(self, session: PostgresSession, target: Target) -> None:
        """Frees the space of many deleted rows for the next run; autovacuum does of few."""
        attempt = self.attempt
        rows_after = attempt.plan.rows_after if attempt.plan else 0
        if attempt.rows_deleted * _VACUUM_DIVISOR > rows_after:
            with attempt.timed(Phase.VACUUM):
                session.vacuum(target.table)

    def _prune(self, session: PostgresSession, target: Target, ledger: Ledger) -> None:
        """Deletes the changes that have become too old."""
        days = self.changes_retention_days
        if not (days and self.definition.history):
            return
        last = ledger.last_load_before(days)
        if last is None or not target.history.has_changes_until(last):
            session.rollback()
            return
        with self.attempt.timed(Phase.PRUNE):
            ledger.raise_horizon(self.run_id, last)
            session.commit()
            rows = 0
            for deleted in target.history.prune(last):
                session.commit()
                rows += deleted
            log.info("changes_pruned", rows=rows, last_run=last)


def preview(session: PostgresSession, source: Source, request: LoadRequest) -> Plan:
    """The plan that a load would carry out now. Locks and writes nothing."""
    layout = source.layout
    target, ledger = Target(session, layout), Ledger(session, layout.definition.target)
    session.begin_snapshot(read_only=True)
    if target.exists():
        target.check()
    _, plan = _plan(source, target, ledger, request, attempt=None)
    return plan


def _plan(
    source: Source,
    target: Target,
    ledger: Ledger,
    request: LoadRequest,
    attempt: Attempt | None,
) -> tuple[datetime.datetime, Plan]:
    """Takes the source's snapshot, keeps other writers out of the target, and compares the two.

    A dry run, which is no attempt, keeps nobody out, and may come before the first load.
    """
    is_dry_run = attempt is None
    attempt = attempt or Attempt()
    with attempt.timed(Phase.DIGEST):
        snapshot = attempt.snapshot = source.begin_snapshot()
        log.info("snapshot_taken", snapshot=snapshot.isoformat())
        digests = source.digests()
    with attempt.timed(Phase.PLAN):
        if not is_dry_run:
            target.lock_table()
            # Only now can nobody add any more.
            target.refuse_hazards()
        return snapshot, make_plan(
            request,
            digests,
            {} if is_dry_run and not target.exists() else target.counts(),
            {} if is_dry_run and not ledger.layout.exists() else ledger.loaded_periods.read(),
            digest.version(source.layout),
        )
