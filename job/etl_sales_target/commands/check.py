"""`check`: everything that a run needs, tried one by one, nothing left changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import click

from etl_sales_target import services
from etl_sales_target.commands.tables_option import selected, table_option
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.definitions import TableDefinition, TableLayout
from etl_sales_target.core.errors import JobError
from etl_sales_target.core.names import TableName
from etl_sales_target.oracle.session import initialise_driver
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.postgres.target import Target
from etl_sales_target.run import most_serious
from etl_sales_target.runtime import logs
from etl_sales_target.services import Services, pushgateway


@dataclass(frozen=True)
class CheckResult:
    """One line of `check`; `error` is None where all is well."""

    name: str
    message: str
    error: JobError | None = None
    was_skipped: bool = False

    def __str__(self) -> str:
        verdict = "FAILED" if self.error else "SKIPPED" if self.was_skipped else "OK"
        return f"{verdict:<7} {self.name}: {self.message}"


@click.command()
@table_option
def check(*, tables: Sequence[str]) -> None:
    """Check everything that a run needs: one line per check, with a suggested fix."""
    settings, run_id = services.begin()
    definitions = selected(settings, tables)
    failures = []
    for result in run_checks(Services.read(settings, run_id), definitions):
        click.echo(logs.redact(result))
        if result.error:
            failures.append(result.error)
    if failures:
        raise click.exceptions.Exit(most_serious(failures).exit_code)


def run_checks(services: Services, definitions: Sequence[TableDefinition]) -> Iterator[CheckResult]:
    """The client library, both databases, each table on both sides, then the Pushgateway."""
    client = _try("client library", lambda: initialise_driver(services.driver_mode))
    yield client
    layouts: dict[TableDefinition, TableLayout] = {}
    if client.error is None:
        yield from _source_checks(services, definitions, layouts)
    yield from _target_checks(services, definitions, layouts)
    yield _try("Pushgateway", lambda: _check_pushgateway(services.settings))


def _source_checks(
    services: Services,
    definitions: Sequence[TableDefinition],
    layouts: dict[TableDefinition, TableLayout],
) -> Iterator[CheckResult]:
    """Also puts the layouts that it finds into `layouts`."""
    try:
        session = services.open_oracle()
    except JobError as error:
        yield CheckResult("source connection", str(error), error)
        return
    with session:
        yield CheckResult("source connection", f"Oracle {session.server_version}")
        for definition in definitions:
            source = services.source(session, definition)
            of = _of(definition.source, definitions)
            yield _try(f"source object{of}", source.resolve)
            columns = _try(f"source columns{of}", partial(_describe, source))
            yield columns
            if columns.error is None:
                layouts[definition] = source.layout


def _describe(source: Source) -> str:
    return ", ".join(f"{column.name} {column.type.source}" for column in source.layout.columns)


def _target_checks(
    services: Services,
    definitions: Sequence[TableDefinition],
    layouts: Mapping[TableDefinition, TableLayout],
) -> Iterator[CheckResult]:
    try:
        session = services.open_postgres()
    except JobError as error:
        yield CheckResult("target connection", str(error), error)
        return
    with session:
        yield CheckResult("target connection", f"PostgreSQL {session.server_version}")
        for definition in definitions:
            of = _of(definition.target, definitions)
            ledger = Ledger(session, definition.target)
            yield _try(f"ledger{of}", partial(_check_ledger, session, ledger))
            layout = layouts.get(definition)
            if layout is None:
                message = "the columns of the source are not known"
                yield CheckResult(f"target table{of}", message, was_skipped=True)
            else:
                yield _try(f"target table{of}", partial(_check_target, session, ledger, layout))


def _of(table: TableName, among: Sequence[TableDefinition]) -> str:
    """Which table a check is about, if there are several."""
    return f" {table}" if len(among) > 1 else ""


# What is missing is created, to see whether that is allowed; the transaction is never committed.


def _check_ledger(session: PostgresSession, ledger: Ledger) -> str:
    session.rollback()
    made = ledger.layout.create_missing()
    ledger.layout.check()
    return f"`run` will create {', '.join(made)}" if made else "tables and privileges fit"


def _check_target(session: PostgresSession, ledger: Ledger, layout: TableLayout) -> str:
    session.rollback()
    ledger.layout.create_missing()
    target = Target(session, layout)
    exists = target.exists()
    if not exists:
        target.create(layout)
    target.check()
    fit = "columns and privileges fit" if exists else "`run` will create it"
    return "; ".join([fit, *target.warnings()])


def _check_pushgateway(settings: Settings) -> str:
    gateway = pushgateway(settings)
    return gateway.check() if gateway else "none, as ETL_PUSHGATEWAY_URL is not set"


def _try(name: str, attempt: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, attempt())
    except JobError as error:
        return CheckResult(name, str(error), error)
