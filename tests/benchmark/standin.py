"""How fast the stand-in for Oracle answers the real driver: `python -m benchmark.standin`.

The rest of the benchmark means something only while the stand-in is never the bottleneck: it is
to answer 1.5 million rows a second from its cache, and the digests after an edit in the time that
one plain scan of the table takes.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import oracledb
import psycopg
from sqlalchemy import Select
from sqlalchemy.dialects import oracle
from tabulate import tabulate

from demo.databases import Databases, databases
from etl_sales_target.core import control_totals, digest, statements
from etl_sales_target.core.names import TableName
from etl_sales_target.core.statements import SqlTable
from support.builders import COLUMNS, LAYOUT

TABLE = TableName("apps", "khs_customers_trx_targets")
_BATCH_ROWS = 10_000
_BEST_OF = 3
# Rows that change from one measurement to the next: 60 of one period.
_EDIT = f"""
UPDATE {TABLE.schema}.{TABLE.name} SET target_amount = coalesce(target_amount, 0) + 1
WHERE id <= 60
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print for each query: seconds, and rows of the table a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.standin", description=main.__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--periods", type=int, default=60)
    options = parser.parse_args(arguments)
    table = SqlTable(TABLE, LAYOUT)
    queries = {
        "all rows": statements.source_rows(table, None),
        "control totals": control_totals.statement(table, None),
        "digests": digest.statement(table),
    }
    with databases(options.rows, options.periods) as both:
        connection = _connect(both.source_uri)
        rows = [[name, *_measure(connection, both, query)] for name, query in queries.items()]
        connection.close()
    print(f"{options.rows:,} rows of {len(COLUMNS)} NUMBER columns, best of {_BEST_OF}")
    headers = ["query", "first s", "after an edit s", "again s", "again rows/s"]
    table_rows = [[*row, f"{options.rows / row[-1]:,.0f}"] for row in rows]
    print(tabulate(table_rows, headers, floatfmt=".3f", disable_numparse=[4], stralign="right"))


def _measure(
    connection: oracledb.Connection, both: Databases, query: Select[Any]
) -> tuple[float, float, float]:
    """Seconds with nothing in the cache, after an edit, and unchanged."""
    dialect = oracle.dialect()  # type: ignore[no-untyped-call]
    sql = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    def fetch() -> None:
        _fetch(connection, sql)

    def fetch_edited() -> float:
        with psycopg.connect(both.standin_database_url) as source:
            source.execute(_EDIT.encode())
        return _seconds(fetch)

    first = _seconds(fetch)
    edited = min(fetch_edited() for _ in range(_BEST_OF))
    return first, edited, min(_seconds(fetch) for _ in range(_BEST_OF))


def _connect(uri: str) -> oracledb.Connection:
    parts = urlsplit(uri)
    return oracledb.connect(
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        dsn=f"{parts.hostname}:{parts.port}{parts.path}",
    )


def _fetch(connection: oracledb.Connection, sql: str) -> None:
    """As the job reads: in a snapshot, NUMBER as text, in batches."""
    with connection.cursor() as cursor:
        connection.rollback()
        cursor.execute("set transaction read only")
        cursor.arraysize = _BATCH_ROWS
        cursor.outputtypehandler = lambda cursor, _: cursor.var(str, arraysize=cursor.arraysize)
        cursor.execute(sql)
        while cursor.fetchmany():
            pass


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
