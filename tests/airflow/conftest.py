"""What the tests with Airflow need: a home of its own that is gone after them, and the DAG."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.project import PROJECT

DAGS = PROJECT / "dag"

# As Airflow itself, which has its DAGs folder on the path.
sys.path.append(str(DAGS))

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
        return _parse(DAGS)


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Parses the folder of the DAG, or another, anew under these settings of the installation."""

    def parse_folder(settings: str = "", folder: Path = DAGS) -> Any:
        monkeypatch.setenv("ETL_SALES_TARGET_DAG", settings)
        return _parse(folder)

    return parse_folder


def _parse(folder: Path) -> Any:
    try:
        from airflow.dag_processing.dagbag import BundleDagBag  # noqa: PLC0415
    except ImportError:  # Airflow 2
        from airflow.models import DagBag  # noqa: PLC0415

        return DagBag(folder)
    return BundleDagBag(folder, bundle_path=folder, bundle_name="dags-folder")


@pytest.fixture
def dag(bag: Any) -> Any:
    """The DAG."""
    return bag.dags["etl_sales_target"]
