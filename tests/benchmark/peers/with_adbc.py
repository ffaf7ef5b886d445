"""ADBC: Arrow from Oracle to PostgreSQL, in Go and C. `exact`: NUMBER as text, cast by PostgreSQL.

By default its driver for Oracle makes doubles of NUMBERs without a precision.
"""

import os
import sys

import adbc_driver_oracle.dbapi
import adbc_driver_postgresql.dbapi

COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")
# In lower case, as PostgreSQL has them.
NAMES = ", ".join(f'{name} AS "{name}"' for name in COLUMNS)
QUERY = f"SELECT {NAMES} FROM APPS.KHS_CUSTOMERS_TRX_TARGETS"


def main(*, is_exact: bool) -> None:
    options = {"adbc.oracle.number_mode": "string"} if is_exact else {}
    source = adbc_driver_oracle.dbapi.connect(os.environ["SOURCE_URI"], db_kwargs=options)
    target = adbc_driver_postgresql.dbapi.connect(os.environ["TARGET_URL"])
    with source, target, source.cursor() as reading, target.cursor() as writing:
        reading.execute(QUERY)
        batches = reading.fetch_record_batch()
        if is_exact:
            writing.adbc_ingest("texts", batches, mode="create", temporary=True)
            values = ", ".join(f"{name}::numeric AS {name}" for name in COLUMNS)
            writing.execute(f"CREATE TABLE sales_target AS SELECT {values} FROM texts")
        else:
            writing.adbc_ingest("sales_target", batches, mode="create")
        target.commit()


if __name__ == "__main__":
    main(is_exact="exact" in sys.argv[1:])
