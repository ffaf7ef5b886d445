"""The stand-in from both sides: the real, unmodified driver in front, PostgreSQL behind."""

from dataclasses import dataclass
from typing import Any

import oracledb
import psycopg

from oracle_standin import OracleStandin


@dataclass(frozen=True)
class Behind:
    """The PostgreSQL behind the stand-in, past its protocol and its SQL."""

    url: str

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()


def connect(server: OracleStandin, **arguments: Any) -> oracledb.Connection:
    """A connection as the server's one user, unless the arguments say otherwise."""
    login = {"user": server.user, "password": server.password, "dsn": server.dsn}
    return oracledb.connect(**(login | arguments))


def numbers_as_text(cursor: oracledb.Cursor, metadata: oracledb.FetchInfo) -> oracledb.Var | None:
    """An output type handler: NUMBER digit for digit."""
    if metadata.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(str, arraysize=cursor.arraysize)
    return None
