"""The job's load in the test's own process: thousands of loads, without a start-up for each."""

import os
from collections.abc import Mapping
from itertools import count
from unittest import mock

from etl_sales_target import logs
from etl_sales_target.job import load as load_and_report
from etl_sales_target.plan import Request
from etl_sales_target.report import Report
from etl_sales_target.settings import Settings

_numbers = count(1)


def load(environ: Mapping[str, str], *, full: bool = False) -> Report:
    """One `run`, by the same calls that the command makes."""
    with mock.patch.dict(os.environ, environ):
        logs.configure("ERROR")
        request = Request("full" if full else "run", force=full, allow_shrink=True)
        return load_and_report(Settings.read(), f"test-{next(_numbers)}", request)
