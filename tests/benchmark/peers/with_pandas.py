"""pandas: `read_sql` and `to_sql`, in chunks, everything else as it comes."""

import os

import pandas as pd
from sqlalchemy import create_engine

CHUNK_ROWS = 10_000


def main() -> None:
    address, _, service = os.environ["SOURCE_URI"].removeprefix("oracle://").rpartition("/")
    source = create_engine(f"oracle+oracledb://{address}/?service_name={service}")
    target = create_engine(os.environ["TARGET_URL"].replace("://", "+psycopg2://", 1))
    query = "SELECT * FROM APPS.KHS_CUSTOMERS_TRX_TARGETS"
    with source.connect().execution_options(stream_results=True) as connection:
        for chunk in pd.read_sql(query, connection, chunksize=CHUNK_ROWS):
            chunk.to_sql("sales_target", target, if_exists="append", index=False)


if __name__ == "__main__":
    main()
