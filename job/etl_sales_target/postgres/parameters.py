"""The target's connection as libpq's keywords.

The rules are those of the hook of Airflow's PostgreSQL provider: the same text means the same
there.
"""

from etl_sales_target.core.connection import Connection
from etl_sales_target.core.errors import ConfigurationError

# Extras of Airflow's PostgreSQL connection that are not for libpq.
_AIRFLOW_EXTRAS = {
    "aws_conn_id",
    "azure_conn_id",
    "cluster-identifier",
    "cursor",
    "iam",
    "redshift",
    "redshift-serverless",
    "sqlalchemy_query",
    "sqlalchemy_scheme",
    "workgroup-name",
}


def parameters(connection: Connection) -> dict[str, str | int]:
    """The target's connection as libpq's keywords.

    Raises ConfigurationError where it is of another type or incomplete.
    """
    connection.require("postgres")
    extra = connection.given_extra
    if extra.get("iam"):
        raise ConfigurationError(
            "The postgres connection asks for a cloud's token (iam), which the job cannot fetch.",
            remedy="Drop iam, and give it a password or a client certificate (sslcert, sslkey).",
        )
    fields: dict[str, str | int | None] = {
        "host": connection.host,
        "port": connection.port,
        "dbname": connection.schema,
        "user": connection.login,
        "password": connection.password,
    }
    keywords = {key: value for key, value in fields.items() if value}
    for key in extra.keys() - _AIRFLOW_EXTRAS:
        keywords[key] = _keyword_value(key, extra[key])
    if not keywords.keys() & {"host", "hostaddr", "service"}:
        raise ConfigurationError(
            "The postgres connection names no host.",
            remedy="Write postgres://USER:PASSWORD@HOST:5432/DATABASE.",
        )
    return keywords


def _keyword_value(key: str, value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigurationError(
            f"The extra {key} of the postgres connection is neither text nor a whole number."
        )
    return value
