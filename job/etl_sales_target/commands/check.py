"""`check`: everything that a run needs, tried one by one, nothing left changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from etl_sales_target.config.settings import Settings
from etl_sales_target.core.errors import JobError
from etl_sales_target.oracle.client_library import DriverMode
from etl_sales_target.oracle.source import Source, initialise_driver
from etl_sales_target.postgres.ledger import Ledger
from etl_sales_target.postgres.session import Postgres
from etl_sales_target.postgres.target import Target


@dataclass(frozen=True)
class CheckResult:
    """One line of `check`; `error` is None where all is well."""

    name: str
    message: str
    error: JobError | None = None

    def __str__(self) -> str:
        return f"{'FAILED' if self.error else 'OK':<7} {self.name}: {self.message}"


def run_checks(
    mode: DriverMode,
    open_source: Callable[[], Source],
    open_postgres: Callable[[], Postgres],
    settings: Settings,
) -> Iterator[CheckResult]:
    """The results in the order in which a run would meet them."""
    client = _try("client library", lambda: initialise_driver(mode))
    yield client
    if client.error is None:
        yield from _source_checks(open_source)
    yield from _target_checks(open_postgres, settings)
    yield _try("Pushgateway", lambda: _check_pushgateway(settings))


def _source_checks(open_source: Callable[[], Source]) -> Iterator[CheckResult]:
    try:
        source = open_source()
    except JobError as error:
        yield CheckResult("source connection", str(error), error)
        return
    with source:
        yield CheckResult("source connection", f"Oracle {source.server_version}")
        yield _try("source object", source.resolve)
        yield _try("source columns", lambda: _check_columns(source))


def _check_columns(source: Source) -> str:
    source.check_columns()
    return "five NUMBER columns"


def _target_checks(
    open_postgres: Callable[[], Postgres], settings: Settings
) -> Iterator[CheckResult]:
    try:
        postgres = open_postgres()
    except JobError as error:
        yield CheckResult("target connection", str(error), error)
        return
    with postgres:
        yield CheckResult("target connection", f"PostgreSQL {postgres.server_version}")
        ledger = Ledger(postgres, settings.target_table)
        target = Target(postgres, settings.target_table)
        yield _try("ledger", lambda: _check_ledger(postgres, ledger))
        yield _try("target table", lambda: _check_target(postgres, ledger, target))


# What is missing is made, to see that it may be; the transaction is never committed.


def _check_ledger(postgres: Postgres, ledger: Ledger) -> str:
    postgres.rollback()
    made = ledger.create_missing()
    ledger.check()
    return f"`run` will create {', '.join(made)}" if made else "tables and privileges fit"


def _check_target(postgres: Postgres, ledger: Ledger, target: Target) -> str:
    postgres.rollback()
    ledger.create_missing()
    made = target.create_missing()
    target.check()
    return "`run` will create it" if made else "columns and privileges fit"


def _check_pushgateway(settings: Settings) -> str:
    # Here, not at the top: a run needs none of it until it has ended.
    from etl_sales_target.reporting.pushgateway import Pushgateway  # noqa: PLC0415

    gateway = Pushgateway.read(settings)
    return gateway.check() if gateway else "none, as ETL_PUSHGATEWAY_URL is not set"


def _try(name: str, attempt: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, attempt())
    except JobError as error:
        return CheckResult(name, str(error), error)
