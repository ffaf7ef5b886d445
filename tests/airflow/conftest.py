"""What the tests with Airflow need: a home of its own that is gone after them, and the DAG."""

import os
import socket
import tempfile
from typing import Any

import pytest

from support.project import PROJECT

DAGS = PROJECT / "dag"

_home = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": _home.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    # Airflow compiles all secrets it ever saw anew for each further one: none is long enough.
    "AIRFLOW__LOGGING__MIN_LENGTH_MASKED_SECRET": "1000000",
}


def pytest_configure(config: pytest.Config) -> None:
    """Airflow's own warnings are not this project's to mend."""
    config.addinivalue_line("filterwarnings", "ignore")


def pytest_unconfigure() -> None:
    """Remove Airflow's home."""
    _home.cleanup()


@pytest.fixture(scope="session")
def bag() -> Any:
    """The DAG's folder as a scheduler parses it, where there is no database and no network."""

    def refuse(_self: socket.socket, address: object) -> None:
        raise AssertionError(f"parsing the DAG opened a connection to {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        return _parse()


def _parse() -> Any:
    try:
        from airflow.dag_processing.dagbag import BundleDagBag  # noqa: PLC0415
    except ImportError:  # Airflow 2
        from airflow.models import DagBag  # noqa: PLC0415

        return DagBag(DAGS)
    return BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")


@pytest.fixture
def dag(bag: Any) -> Any:
    """The DAG."""
    return bag.dags["etl_sales_target"]
