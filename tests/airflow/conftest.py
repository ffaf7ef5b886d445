"""What the tests with Airflow need: a home of its own that is gone after them."""

import os
import tempfile

import pytest

_home = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": _home.name,
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
