"""`check`: everything that a run needs, tried one by one, nothing left changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from etl_sales_target.client_library import DriverMode
from etl_sales_target.errors import JobError
from etl_sales_target.source import Source, initialise_driver
from etl_sales_target.target import Target


@dataclass(frozen=True)
class CheckResult:
    """One line of `check`; `error` is None where all is well."""

    name: str
    message: str
    error: JobError | None = None

    def __str__(self) -> str:
        return f"{'FAILED' if self.error else 'OK':<7} {self.name}: {self.message}"


def run_checks(
    mode: DriverMode, open_source: Callable[[], Source], open_target: Callable[[], Target]
) -> Iterator[CheckResult]:
    """The results in the order in which a run would meet them."""
    client = _try("client library", lambda: initialise_driver(mode))
    yield client
    if client.error is None:
        yield from _source_checks(open_source)
    yield from _target_checks(open_target)


def _source_checks(open_source: Callable[[], Source]) -> Iterator[CheckResult]:
    opened: list[Source] = []
    yield _try("source connection", lambda: _opened(open_source, opened))
    for source in opened:
        with source:
            yield _try("source object", source.resolve)
            yield _try("source columns", lambda: source.check_columns() or "five NUMBER columns")


def _target_checks(open_target: Callable[[], Target]) -> Iterator[CheckResult]:
    opened: list[Target] = []
    yield _try("target connection", lambda: _opened(open_target, opened))
    for target in opened:
        with target:
            yield _try("target table", lambda: _try_table(target))


def _opened(open_it: Callable[[], Source | Target], opened: list) -> str:  # type: ignore[type-arg]
    database = open_it()
    opened.append(database)
    return f"server version {database.server_version}"


def _try_table(target: Target) -> str:
    """Makes what is missing, to see that it may; the transaction is never committed."""
    target.begin()
    made = target.create_missing()
    target.check_table()
    return f"`run` will create {' and '.join(made)}" if made else "columns and privileges fit"


def _try(name: str, attempt: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, attempt())
    except JobError as error:
        return CheckResult(name, str(error), error)
