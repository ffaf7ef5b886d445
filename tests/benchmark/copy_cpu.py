"""What the job's copy costs its client, beside what a raw COPY costs PostgreSQL, in CPU time.

On two free cores the job's copy takes as long as the slower of its two ends, the client and the
server, and a raw COPY as long as the server. So the share of the ceiling that the job can reach is
the server's time over the client's. Other work on the machine makes both slower, now and then:
therefore the two are measured in turn, some thousand rows at a time, and the quickest count.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

import psycopg
from sqlalchemy import text

from benchmark import process, raw_copy
from benchmark.stage import MEASURED, stage
from etl_sales_target import cli
from etl_sales_target.config.settings import Settings
from etl_sales_target.core.copy_format import Batch
from etl_sales_target.postgres.apply import Apply
from etl_sales_target.postgres.target import Target
from etl_sales_target.services import Services

_ROUNDS_A_TRY = 3
# So many that what a COPY takes to begin and to end is a small part of it.
_ROWS_A_RAW_COPY = 50_000


def shares(rows: int, *, tries: int, enough: float) -> list[float]:
    """The share of the ceiling in each try, until one is enough; in a process of its own."""
    command = [sys.executable, "-m", "benchmark.copy_cpu", f"--tries={tries}", f"--enough={enough}"]
    with stage(rows) as ready:
        ready.empty(MEASURED)
        found: list[float] = process.run(command, ready.environ(MEASURED)).said["shares"]
        return found


def main() -> None:
    """Print the shares as JSON; the databases are those of the environment."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.copy_cpu", description=main.__doc__)
    parser.add_argument("--tries", type=int, required=True)
    parser.add_argument("--enough", type=float, required=True)
    options = parser.parse_args()
    gc.set_threshold(cli._GC_THRESHOLD)
    settings = Settings.read()
    pieces = raw_copy.read_batches(_ROWS_A_RAW_COPY)
    _client_seconds(settings)  # The stand-in encodes its answer.
    found: list[float] = []
    while len(found) < options.tries and max(found, default=0) < options.enough:
        found.append(_share(settings, pieces))
    print(json.dumps({"shares": found}))


def _share(settings: Settings, pieces: Sequence[bytes]) -> float:
    server, client = [], []
    for _ in range(_ROUNDS_A_TRY):
        server += _server_seconds(pieces)
        client += _client_seconds(settings)
    return (_quick(server) / _ROWS_A_RAW_COPY) / (_quick(client) / settings.batch_rows)


def _quick(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=10)[0]


def _server_seconds(pieces: Sequence[bytes]) -> list[float]:
    """The CPU of PostgreSQL's process for a raw COPY of each piece."""
    found = []
    with psycopg.connect(os.environ["TARGET_URL"]) as connection:
        raw_copy.create(connection)
        for piece in pieces:
            start = _cpu_seconds(connection.info.backend_pid)
            raw_copy.copy(connection, [piece])
            found.append(_cpu_seconds(connection.info.backend_pid) - start)
        connection.rollback()
    return found


def _client_seconds(settings: Settings) -> list[float]:
    """This thread's CPU for the rows of each round trip of the job's copy."""
    services = Services.read(settings, "copy-cpu")
    definition = settings.definition
    with services.open_postgres() as session, services.open_source(definition) as source:
        session.execute(text("CREATE SCHEMA mb"))
        target = Target(session, source.layout)
        target.create(source.layout)
        moments = [time.thread_time()]

        def timed(batches: Iterable[Batch]) -> Iterator[Batch]:
            copied = 0
            for batch in batches:
                yield batch
                copied += len(batch)
                if copied % settings.batch_rows == 0:
                    moments.append(time.thread_time())

        apply = Apply(session, target.sql, changes=None)
        apply.append(timed(source.batches(None)), periods=None)
    return [end - start for start, end in pairwise(moments)]


def _cpu_seconds(pid: int) -> float:
    """Of a process of this machine, as Linux's scheduler counts it (in nanoseconds)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
