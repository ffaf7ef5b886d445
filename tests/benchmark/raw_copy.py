"""The ceiling: one COPY of bytes that lie ready in memory. `python -m benchmark.raw_copy`.

The file COPY_FILE holds the rows in COPY's text format, COPY_COLUMNS the columns' names and types.
Only the COPY is timed, not the start-up.
"""

import json
import os
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import psycopg

_BLOCK_BYTES = 128 * 1024
TABLE = "raw_copy"


def main() -> None:
    """Copy into a new table, and print what the COPY alone took."""
    blocks = _read_blocks()
    with psycopg.connect(os.environ["TARGET_URL"]) as connection:
        create(connection)
        start, start_cpu = time.perf_counter(), time.process_time()
        copy(connection, blocks)
        said = {
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - start_cpu,
        }
    print(json.dumps(said))


def create(connection: psycopg.Connection) -> None:
    """Make the table."""
    connection.execute(f"CREATE TABLE {TABLE} ({os.environ['COPY_COLUMNS']})".encode())


def copy(connection: psycopg.Connection, blocks: Iterable[bytes | memoryview]) -> None:
    """One COPY of these rows."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} FROM STDIN".encode()) as copy:
        for block in blocks:
            copy.write(block)


def read_batches(rows: int) -> list[bytes]:
    """The prepared rows, so many at a time."""
    with _file().open("rb") as lines:
        return [b"".join(batch) for batch in iter(lambda: list(islice(lines, rows)), [])]


def _read_blocks() -> list[memoryview]:
    """The prepared rows, in pieces of the size in which psycopg sends them."""
    rows = memoryview(_file().read_bytes())
    return [rows[start : start + _BLOCK_BYTES] for start in range(0, len(rows), _BLOCK_BYTES)]


def _file() -> Path:
    return Path(os.environ["COPY_FILE"])


if __name__ == "__main__":
    main()
