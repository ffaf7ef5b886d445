"""dlt: its `sql_database` source with the backend and file format that it calls fastest."""

import os
import tempfile

import dlt
from dlt.sources.sql_database import sql_table

COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")


def main() -> None:
    address, _, service = os.environ["SOURCE_URI"].removeprefix("oracle://").rpartition("/")
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            pipeline_name="sales_target",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(os.environ["TARGET_URL"]),
            dataset_name="mb",
        )
        table = sql_table(
            credentials=f"oracle+oracledb://{address}/?service_name={service}",
            schema="apps",
            table="khs_customers_trx_targets",
            backend="pyarrow",
            chunk_size=50_000,
        )
        # Without, it takes an unconstrained NUMBER for NUMERIC(38, 9), and refuses what needs more.
        hint = {"data_type": "decimal", "precision": 76, "scale": 38}
        table.apply_hints(columns=dict.fromkeys(COLUMNS, hint))
        pipeline.run(
            table,
            table_name="sales_target",
            write_disposition="replace",
            loader_file_format="csv",
        ).raise_on_failed_jobs()


if __name__ == "__main__":
    main()
