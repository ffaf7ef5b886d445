"""Airflow: GenericTransfer, from an OracleHook to a PostgresHook's `insert_rows`."""

import json
import os
from urllib.parse import urlsplit

source = urlsplit(os.environ["SOURCE_URI"])
os.environ["AIRFLOW_CONN_ORACLE_CONN_ID"] = json.dumps(
    {
        "conn_type": "oracle",
        "host": source.hostname,
        "port": source.port,
        "login": source.username,
        "password": source.password,
        "extra": {"service_name": source.path.removeprefix("/")},
    }
)

from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer  # noqa: E402

CREATE = """
CREATE TABLE IF NOT EXISTS sales_target (
    id NUMERIC, product_id NUMERIC, target_month NUMERIC, target_year NUMERIC, target_amount NUMERIC
)
"""


def main() -> None:
    GenericTransfer(
        task_id="transfer",
        sql="SELECT * FROM APPS.KHS_CUSTOMERS_TRX_TARGETS",
        source_conn_id="oracle_conn_id",
        preoperator=CREATE,
        destination_conn_id="postgres_conn_id",
        destination_table="sales_target",
    ).execute({})


if __name__ == "__main__":
    main()
