"""Where a measurement was made: the machine, how busy it was, and the versions."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from demo.embedded_postgres import PACKAGE

_PACKAGES = ("oracledb", "psycopg", "SQLAlchemy", PACKAGE)


def as_text() -> str:
    """Two lines."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [f"{package} {version(package)}" for package in _PACKAGES]
    return (
        f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f} before.\n"
        f"Linux {platform.release()}, Python {platform.python_version()}, {', '.join(versions)}."
    )
