"""How fast the stand-in for Oracle answers the real driver: `python -m benchmark.standin`.

The rest of the benchmark means something only while the stand-in is never the bottleneck.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from urllib.parse import unquote, urlsplit

import oracledb

from databases import databases

TABLE = "apps.khs_customers_trx_targets"
COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")
_GROUP = f"FROM {TABLE} GROUP BY target_year, target_month"
_ROW_TEXT = " || '|' || ".join(f"NVL(TO_CHAR({column}, 'TM9'), '~')" for column in COLUMNS)
_SUMS = ", ".join(f"COUNT({column}), SUM({column})" for column in COLUMNS)
_HASHES = ", ".join(f"SUM(ORA_HASH({_ROW_TEXT}, 4294967295, {seed}))" for seed in (1, 2))
QUERIES = {
    "all rows": f"SELECT {', '.join(COLUMNS)} FROM {TABLE}",
    "figures": f"SELECT target_year, target_month, COUNT(*), {_SUMS} {_GROUP}",
    "digests": f"SELECT target_year, target_month, COUNT(*), {_HASHES} {_GROUP}",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print rows a second, for the first run of each query and for the best of three more."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.standin", description=main.__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args(arguments).rows
    with databases(rows) as both, _connect(both.source_uri) as connection:
        print(f"{rows:,} rows of {len(COLUMNS)} NUMBER columns; rows a second of the table")
        print(
            f"{'query':10} {'first s':>8} {'first rows/s':>13} {'again s':>8} {'again rows/s':>13}"
        )
        for name, sql in QUERIES.items():
            first = _seconds(lambda sql=sql: _fetch(connection, sql))
            again = min(_seconds(lambda sql=sql: _fetch(connection, sql)) for _ in range(3))
            print(
                f"{name:10} {first:8.2f} {rows / first:13,.0f} {again:8.2f} {rows / again:13,.0f}",
                flush=True,
            )


def _connect(uri: str) -> oracledb.Connection:
    parts = urlsplit(uri)
    return oracledb.connect(
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        dsn=f"{parts.hostname}:{parts.port}{parts.path}",
    )


def _fetch(connection: oracledb.Connection, sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.arraysize = 10_000
        cursor.outputtypehandler = lambda cursor, _: cursor.var(str, arraysize=cursor.arraysize)
        cursor.execute(sql)
        rows = 0
        while batch := cursor.fetchmany(10_000):
            rows += len(batch)
        return rows


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
