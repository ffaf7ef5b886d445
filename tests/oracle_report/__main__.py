"""`make oracle-report`: run the tests against an Oracle, and write down what can be shown."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import oracledb

from demo.databases import databases
from etl_sales_target.config import airflow_connection
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.errors import JobError
from etl_sales_target.oracle import parameters
from etl_sales_target.oracle.client_library import choose_mode
from etl_sales_target.oracle.session import initialise_driver
from oracle_report import outcomes, server

_VARIABLE = "ORACLE_TEST_CONN"
_TESTS = "tests/integration"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; the exit code is pytest's, or 1 if the database cannot be reached."""
    parser = argparse.ArgumentParser(prog="python -m oracle_report", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("tests", nargs="*", default=[_TESTS])
    options = parser.parse_args(arguments)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    with _uri() as uri, tempfile.TemporaryDirectory() as folder:
        try:
            found = list(server.facts(_connect_arguments(uri)))
        except (oracledb.Error, JobError) as error:
            codes = ", ".join(server.codes(str(error)))
            print(f"The database cannot be reached: {codes or type(error).__name__}")
            return 1
        results = Path(folder) / "results.xml"
        exit_code = _run_tests(options.tests, results)
        lines = [*_head(), *_facts(found), "", *outcomes.table(outcomes.read(results))]
    options.file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"Written: {options.file}")
    return exit_code


@contextmanager
def _uri() -> Iterator[str]:
    """Of the Oracle to ask: the one that the variable names, or else the stand-in."""
    if found := os.environ.get(_VARIABLE):
        yield found
        return
    with databases(0) as both:
        yield both.source_uri


def _connect_arguments(uri: str) -> Mapping[str, Any]:
    """What the driver takes to connect, once it is in the mode in which the job would use it."""
    found = parameters.parameters(airflow_connection.parse(uri, name=_VARIABLE))
    initialise_driver(choose_mode("auto", Settings.read().oracle_client_dir, found))
    return found.connect_arguments()


def _run_tests(tests: Sequence[str], results: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--junitxml={results}"]
    return subprocess.run([*command, *tests], check=False).returncode


def _head() -> Iterator[str]:
    source = "an Oracle database" if os.environ.get(_VARIABLE) else "the stand-in, not Oracle"
    yield f"# etl-sales-target {metadata.version('etl-sales-target')} against {source}"
    yield ""


def _facts(found: Sequence[tuple[str, str]]) -> Iterator[str]:
    client = (
        ("Python", platform.python_version()),
        ("python-oracledb", metadata.version("oracledb")),
        ("machine", f"{platform.system()} {platform.machine()}"),
    )
    yield "| what | value |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in [*client, *found])


if __name__ == "__main__":
    sys.exit(main())
