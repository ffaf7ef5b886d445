"""What the stand-in puts into its database: schema.sql, once."""

import hashlib
from importlib.resources import files

import psycopg

from oracle_standin.functions import SCHEMA

_INSTALL_LOCK = 7061733


def install(database_url: str) -> None:
    """Create what the stand-in needs in its database, unless it is there.

    Replacing it would wait for every open transaction that has used it.
    """
    script = files(__package__).joinpath("schema.sql").read_text()
    version = hashlib.sha256(script.encode()).hexdigest()
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        installed = connection.execute(
            "SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", [SCHEMA]
        ).fetchone()
        if installed != (version,):
            connection.execute(script.encode())
            connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{version}'".encode())
