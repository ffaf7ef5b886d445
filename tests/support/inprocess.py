"""The job in the test's own process: thousands of loads, without a start-up for each."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from unittest import mock

from etl_sales_target import cli
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.plan import LoadRequest, Mode
from etl_sales_target.core.result import Report
from etl_sales_target.reporting.deliver import ReportWriter
from etl_sales_target.run import run_tables
from etl_sales_target.runtime import logs, signals
from etl_sales_target.services import definitions
from support.command import Job

_numbers = count(1)


class _LastReport(ReportWriter):
    """Keeps the report of the only table."""

    report: Report

    def write(self, report: Report) -> None:
        self.report = report


def load(environ: Mapping[str, str], *, full: bool = False) -> Report:
    """One `run`, by the same calls that the command makes."""
    with mock.patch.dict(os.environ, environ), signals_as_they_are():
        logs.configure("ERROR")
        signals.raise_on_stop()
        request = LoadRequest(Mode.FULL if full else Mode.RUN, allow_shrink=True)
        settings, last = Settings.read(), _LastReport(None)
        run_tables(settings, f"test-{next(_numbers)}", request, definitions(settings), last)
        return last.report


def in_this_process(job: Job, *arguments: str, **environ: str) -> int:
    """The command in the test's own process, where a part of it can be another."""
    with mock.patch.dict(os.environ, job.environ | environ), signals_as_they_are():
        return cli.execute(arguments)


@contextmanager
def signals_as_they_are() -> Iterator[None]:
    """The job handles signals to its process's end; the test's process lives on."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
