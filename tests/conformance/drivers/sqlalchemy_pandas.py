"""SQLAlchemy's reflection of the dictionary, and what pandas reads through it."""

from typing import Any

import pandas as pd
from sqlalchemy import URL, create_engine, inspect, text

from conformance.drivers import steps

LOGIN = steps.login()
ENGINE = create_engine(
    URL.create(
        "oracle+oracledb",
        LOGIN["user"],
        LOGIN["password"],
        LOGIN["host"],
        LOGIN["port"],
        query={"service_name": LOGIN["service_name"]},
    ),
    arraysize=1000,
)


def tables() -> list[str]:
    return sorted(inspect(ENGINE).get_table_names())


def has_table() -> list[bool]:
    return [inspect(ENGINE).has_table(name) for name in ("numbers", "missing")]


def columns() -> dict[str, list[list[Any]]]:
    return {
        name: [
            [one["name"], str(one["type"]), one["nullable"]]
            for one in inspect(ENGINE).get_columns(name)
        ]
        for name in ("many_rows", "texts", "moments")
    }


def frame() -> steps.Rows:
    with ENGINE.connect() as connection:
        query = text("SELECT id, month, year, amount FROM many_rows ORDER BY id")
        read = pd.read_sql_query(query, connection, coerce_float=False)
    return [
        [None if pd.isna(one) else str(one) for one in row] for row in read.itertuples(index=False)
    ]


def chunks() -> int:
    with ENGINE.connect() as connection:
        query = text("SELECT id FROM many_rows")
        return sum(len(chunk) for chunk in pd.read_sql_query(query, connection, chunksize=7000))


if __name__ == "__main__":
    steps.report(
        {
            "tables": tables,
            "has table": has_table,
            "columns": columns,
            "frame": frame,
            "chunks": chunks,
        }
    )
