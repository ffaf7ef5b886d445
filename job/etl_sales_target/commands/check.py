"""`check`: everything that a run needs, tried one by one, nothing left changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from etl_sales_target import services
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.errors import JobError
from etl_sales_target.oracle.session import initialise_driver
from etl_sales_target.oracle.source import Source
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.postgres.session import PostgresSession
from etl_sales_target.postgres.target import Target
from etl_sales_target.runtime import logs
from etl_sales_target.services import Services, pushgateway


@dataclass(frozen=True)
class CheckResult:
    """One line of `check`; `error` is None where all is well."""

    name: str
    message: str
    error: JobError | None = None

    def __str__(self) -> str:
        return f"{'FAILED' if self.error else 'OK':<7} {self.name}: {self.message}"


@click.command()
def check() -> None:
    """Check everything that a run needs: one line per check, with a suggested fix."""
    failures = []
    for result in run_checks(Services.read(*services.begin())):
        click.echo(logs.redact(result))
        if result.error:
            failures.append(result.error)
    if failures:
        raise click.exceptions.Exit(failures[0].exit_code)


def run_checks(services: Services) -> Iterator[CheckResult]:
    """The source's side, then the target's, then the Pushgateway."""
    client = _try("client library", lambda: initialise_driver(services.driver_mode))
    yield client
    if client.error is None:
        yield from _source_checks(services)
    yield from _target_checks(services)
    yield _try("Pushgateway", lambda: _check_pushgateway(services.settings))


def _source_checks(services: Services) -> Iterator[CheckResult]:
    try:
        session = services.open_oracle()
    except JobError as error:
        yield CheckResult("source connection", str(error), error)
        return
    with session:
        yield CheckResult("source connection", f"Oracle {session.server_version}")
        source = services.source(session)
        yield _try("source object", source.resolve)
        yield _try("source columns", lambda: _check_columns(source))


def _check_columns(source: Source) -> str:
    source.check_columns()
    return "five NUMBER columns"


def _target_checks(services: Services) -> Iterator[CheckResult]:
    try:
        session = services.open_postgres()
    except JobError as error:
        yield CheckResult("target connection", str(error), error)
        return
    with session:
        yield CheckResult("target connection", f"PostgreSQL {session.server_version}")
        name = services.settings.definition.target
        ledger, target = Ledger(session, name), Target(session, name)
        yield _try("ledger", lambda: _check_ledger(session, ledger))
        yield _try("target table", lambda: _check_target(session, ledger, target))


# What is missing is made, to see that it may be; the transaction is never committed.


def _check_ledger(session: PostgresSession, ledger: Ledger) -> str:
    session.rollback()
    made = ledger.create_missing()
    ledger.check()
    return f"`run` will create {', '.join(made)}" if made else "tables and privileges fit"


def _check_target(session: PostgresSession, ledger: Ledger, target: Target) -> str:
    session.rollback()
    ledger.create_missing()
    made = target.create_missing()
    target.check()
    fit = "`run` will create it" if made else "columns and privileges fit"
    return "; ".join([fit, *target.warnings()])


def _check_pushgateway(settings: Settings) -> str:
    gateway = pushgateway(settings)
    return gateway.check() if gateway else "none, as ETL_PUSHGATEWAY_URL is not set"


def _try(name: str, attempt: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, attempt())
    except JobError as error:
        return CheckResult(name, str(error), error)
