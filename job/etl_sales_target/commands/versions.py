"""What `--version` prints: the job, its driver and, where there is one, Oracle's client library."""

from collections.abc import Iterator
from importlib import metadata

from etl_sales_target import __version__
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.errors import JobError
from etl_sales_target.oracle import client_library
from etl_sales_target.runtime import logs


def lines() -> Iterator[str]:
    """One line for each; a client library that cannot be used is a line too, not an error."""
    yield f"etl-sales-target {__version__}"
    yield f"python-oracledb {metadata.version('oracledb')}"
    yield f"Oracle client library: {_client_library()}"


def _client_library() -> str:
    try:
        client_dir = Settings.read().oracle_client_dir
        if not client_library.is_in(client_dir):
            return f"none in {client_dir}, thin mode"
        library = client_library.validate(client_dir)
    except JobError as error:
        return str(logs.redact(error))
    return f"{client_library.version(library)} at {library}"
