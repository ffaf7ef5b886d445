"""Chunked INSERT: stream with SQLAlchemy, insert in chunks, compare the counts."""

import os

from sqlalchemy import create_engine, text

CHUNK_ROWS = 10_000
SOURCE = "APPS.KHS_CUSTOMERS_TRX_TARGETS"

CREATE = """
CREATE TABLE IF NOT EXISTS sales_target (
    id NUMERIC,
    product_id NUMERIC,
    target_month NUMERIC,
    target_year NUMERIC,
    target_amount NUMERIC
)
"""
INSERT = """
INSERT INTO sales_target (id, product_id, target_month, target_year, target_amount)
VALUES (:id, :product_id, :target_month, :target_year, :target_amount)
"""


def main() -> None:
    address, _, service = os.environ["SOURCE_URI"].removeprefix("oracle://").rpartition("/")
    source = create_engine(f"oracle+oracledb://{address}/?service_name={service}")
    target = create_engine(os.environ["TARGET_URL"].replace("://", "+psycopg2://", 1))
    with source.connect() as connection, target.begin() as transaction:
        transaction.execute(text(CREATE))
        total = connection.execute(text(f"SELECT COUNT(*) FROM {SOURCE}")).scalar()
        result = connection.execution_options(stream_results=True, yield_per=CHUNK_ROWS).execute(
            text(f"SELECT * FROM {SOURCE}")
        )
        transferred = 0
        for chunk in result.mappings().partitions():
            transaction.execute(text(INSERT), [dict(row) for row in chunk])
            transferred += len(chunk)
        if total != transferred:
            raise ValueError("Row count mismatch detected")


if __name__ == "__main__":
    main()
