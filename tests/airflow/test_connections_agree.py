"""The job reads a connection as Airflow does, up to the call of the driver.

Airflow's side is all real: the variable AIRFLOW_CONN_…, its secrets backend, its Connection and its
providers' hooks. Only the driver's `connect` is replaced, by one that keeps its arguments.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import etl_sales_target_connections as connections_secret
import oracledb
import pytest
from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.compat.sdk import Connection as AirflowConnection
from airflow.providers.oracle.hooks.oracle import OracleHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etl_sales_target.config import airflow_connection
from etl_sales_target.core.connection import Connection
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.oracle import parameters as oracle_parameters
from etl_sales_target.postgres import parameters as postgres_parameters

CONN_ID = "tested"
VARIABLE = "AIRFLOW_CONN_TESTED"

# Everything that a URI has a meaning for, and some that it has not.
CHARACTERS = st.sampled_from("aZ09-_.~!$&'()*+,;=:@/?#[]%{}<>|\\^`\" \té€😀")
TEXT = st.text(CHARACTERS, min_size=1, max_size=12)
WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,14}", fullmatch=True)
SOCKET_FOLDER = st.from_regex(r"/[A-Za-z]{1,8}(/[A-Za-z.]{1,8})?", fullmatch=True)
IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.ip_addresses(v=6).map(str)
PORT = st.none() | st.integers(1, 65_535)
BOOLEAN = st.sampled_from([True, False, "true", "false", "True", "FALSE"])


def several(count: int) -> settings:
    """This many generated examples, however slow Airflow is at the moment."""
    # The fixtures replace the drivers' `connect` once, for all examples alike.
    same_fixture = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=same_fixture)


@st.composite
def fields(draw: st.DrawFn, conn_types: list[str], hosts: st.SearchStrategy[Any]) -> dict[str, Any]:
    """The fields of a connection that a form in Airflow may hold."""
    return {
        "conn_type": draw(st.sampled_from(conn_types)),
        "host": draw(hosts),
        "login": draw(TEXT),
        "password": draw(TEXT),
        "schema": draw(st.none() | TEXT),
        "port": draw(PORT),
    }


ANY_FIELDS = fields(
    ["oracle", "postgres", "postgresql", "google-cloud-platform"],
    st.none() | WORD | IPV4 | IPV6 | SOCKET_FOLDER | WORD.map("tcps://{}".format),
)
ANY_EXTRA = st.dictionaries(
    WORD,
    TEXT
    | st.just("")
    | st.booleans()
    | st.integers()
    | st.none()
    | st.lists(TEXT, max_size=2)
    | st.dictionaries(WORD, TEXT, max_size=2),
    max_size=4,
)

ORACLE_FIELDS = fields(["oracle"], WORD | IPV4 | IPV6).map(
    lambda drawn: drawn | {"schema": drawn["schema"] and drawn["schema"].translate(NO_BRACKETS)}
)
NO_BRACKETS: dict[int, int | None] = str.maketrans("", "", "()=")
PLAIN = st.text("aZ09._-é ", min_size=1, max_size=12).map(str.strip).filter(bool)
ORACLE_PLACES = st.sampled_from(["service_name", "sid", "dsn", None])
ORACLE_DSN = st.sampled_from(
    [
        "db.example.com:1522/SALES",
        "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)(HOST=h)(PORT=2484))(CONNECT_DATA=(SID=X)))",
    ]
)
ORACLE_EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "thick_mode": BOOLEAN,
        "thick_mode_lib_dir": SOCKET_FOLDER,
        "thick_mode_config_dir": SOCKET_FOLDER,
        "purity": st.sampled_from(["self", "NEW", "default"]),
        "cclass": WORD,
        "pool_name": WORD,
        "events": BOOLEAN,
        "expire_time": st.integers(0, 99) | st.integers(0, 99).map(str),
        "wallet_location": SOCKET_FOLDER,
        "wallet_password": TEXT,
        "ssl_server_dn_match": BOOLEAN,
        "ssl_server_cert_dn": PLAIN,
        "fetch_lobs": BOOLEAN,
    },
)


@st.composite
def oracle_connections(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields and extras that name an Oracle database in one way, not in two."""
    drawn, extra = draw(ORACLE_FIELDS), draw(ORACLE_EXTRAS)
    place = draw(ORACLE_PLACES)
    if place:
        extra[place] = draw(ORACLE_DSN if place == "dsn" else PLAIN)
    if place == "dsn":
        drawn |= {"host": draw(st.none() | WORD), "schema": None}
    return drawn, extra


POSTGRES_FIELDS = fields(["postgres", "postgresql"], WORD | IPV4 | IPV6 | SOCKET_FOLDER)
POSTGRES_EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "sslmode": st.sampled_from(["disable", "require", "verify-full"]),
        "sslrootcert": SOCKET_FOLDER,
        "sslcert": SOCKET_FOLDER,
        "sslpassword": TEXT,
        "options": st.sampled_from(["-c search_path=mb,public", "-c work_mem=64MB"]),
        "connect_timeout": st.integers(1, 60) | st.integers(1, 60).map(str),
        "target_session_attrs": st.just("read-write"),
        "hostaddr": IPV4 | IPV6,
        "sqlalchemy_scheme": st.just("postgresql+psycopg"),
        "aws_conn_id": WORD,
        "iam": st.just(False),
    },
)


def as_uri(drawn: Mapping[str, Any], extra: Mapping[str, Any] | None) -> str:
    """Airflow's own URI of these fields."""
    text = json.dumps(extra) if extra else None
    return AirflowConnection(conn_id=CONN_ID, **drawn, extra=text).get_uri()


def as_handwritten_uri(drawn: Mapping[str, Any], extra: Mapping[str, Any] | None) -> str:
    """A URI as people write it: '[…]' around IPv6, '%20' in extras, no host where there is none."""
    host = drawn["host"] or ""
    protocol, separator, name = host.rpartition("://")
    name = f"[{name}]" if ":" in name else quote(name, safe="")
    port = f":{drawn['port']}" if drawn["port"] else ""
    login = f"{quote(drawn['login'], safe='')}:{quote(drawn['password'], safe='')}"
    path = f"/{quote(drawn['schema'] or '', safe='')}"
    query = f"?{urlencode({'__extra__': json.dumps(extra)}, quote_via=quote)}" if extra else ""
    return f"{drawn['conn_type']}://{protocol}{separator}{login}@{name}{port}{path}{query}"


def as_json(drawn: Mapping[str, Any], extra: Mapping[str, Any] | None) -> str:
    """JSON with the extras as an object."""
    return json.dumps({**drawn, "extra": extra})


def as_json_of_text(drawn: Mapping[str, Any], extra: Mapping[str, Any] | None) -> str:
    """JSON in which all is text: the extras, as Airflow exports them, and the port."""
    port = drawn["port"] and str(drawn["port"])
    return json.dumps({**drawn, "port": port, "extra": extra and json.dumps(extra)}, indent=2)


FORMS = st.sampled_from([as_uri, as_handwritten_uri, as_json, as_json_of_text])


def read_by_airflow(text: str) -> AirflowConnection:
    """What a task in Airflow gets for this variable."""
    os.environ[VARIABLE] = text
    return BaseHook.get_connection(CONN_ID)


def read_by_job(text: str) -> Connection:
    """What the job gets for the same variable."""
    return airflow_connection.load(VARIABLE, {VARIABLE: text}, Path("/nonexistent"))


def values(found: Any, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of either side's connection. Airflow itself takes nothing and '' for the same."""
    names = ("conn_type", "host", "login", "password", "schema", "port")
    return {**{name: getattr(found, name) or None for name in names}, "extra": dict(extra)}


def assert_agreement(text: str) -> None:
    """Both sides hold the same values."""
    ours, theirs = read_by_job(text), read_by_airflow(text)
    assert values(ours, ours.extra) == values(theirs, theirs.extra_dejson)


@several(1000)
@given(ANY_FIELDS, ANY_EXTRA, FORMS, st.sampled_from(["", " ", "\n"]))
def test_both_read_the_same_fields(
    drawn: dict[str, Any], extra: dict[str, Any], form: Any, space: str
) -> None:
    assert_agreement(space + form(drawn, extra) + space)


@several(500)
@given(ANY_FIELDS, ANY_EXTRA, FORMS)
def test_the_job_reads_what_the_operator_hands_on(
    drawn: dict[str, Any], extra: dict[str, Any], form: Any
) -> None:
    theirs = read_by_airflow(form(drawn, extra))
    ours = read_by_job(connections_secret.read({"it": CONN_ID})["it"])
    assert values(ours, ours.extra) == values(theirs, theirs.extra_dejson)


STARTS = ["oracle://", "postgres://", "postgresql://", "oracle://tcps://", "ORACLE://", ""]
PIECES = [
    *"/@?#&=+;,~!",
    *("user", "Pass", "Host", "1521", ":1521", "[::1]", "a=b", ":p@", "é", "%2F", "%40", "%zz"),
    *("[", "]", ":", "://", "oracle://", "__extra__=", "%7B%7D", "{", "}", '"', "99999", "-1"),
]


@several(1000)
@given(st.sampled_from(STARTS), st.lists(st.sampled_from(PIECES), max_size=10))
@example("", ["oracle://u:p@oracle://h"])
@example("", ["oracle://useroracle://"])
@example("", ['{"conn_type": "oracle", "port": true}'])
def test_no_text_means_something_else_to_the_job(start: str, pieces: list[str]) -> None:
    """The job may refuse what Airflow takes, but it never takes it for something else."""
    text = start + "".join(pieces)
    try:
        read_by_job(text)
    except ConfigurationError:
        return
    assert_agreement(text)


@pytest.fixture
def oracle_call(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the Oracle provider's hook gave to oracledb last."""
    call: dict[str, Any] = {}

    def connect(**arguments: Any) -> SimpleNamespace:
        call["connect"] = arguments
        return SimpleNamespace()

    def init_oracle_client(**arguments: Any) -> None:
        call["client"] = arguments

    monkeypatch.setattr(oracledb, "connect", connect)
    monkeypatch.setattr(oracledb, "init_oracle_client", init_oracle_client)
    return call


def oracle_meaning(arguments: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same for arguments that oracledb takes for the same, such as "true" and True."""
    shown = dict(arguments)
    hidden = [shown.pop(name, None) for name in ("user", "password", "dsn", "wallet_password")]
    return *hidden, repr(oracledb.ConnectParams(**shown))


@several(500)
@given(oracle_connections(), FORMS)
def test_oracledb_gets_the_same(
    oracle_call: dict[str, Any], drawn: tuple[dict[str, Any], dict[str, Any]], form: Any
) -> None:
    text = form(*drawn)
    oracle_call.clear()
    read_by_airflow(text)
    OracleHook(CONN_ID).get_conn()
    found = oracle_parameters.parameters(read_by_job(text))

    assert oracle_meaning(found.connect_arguments()) == oracle_meaning(oracle_call["connect"])
    assert bool(found.thick_mode) == ("client" in oracle_call)
    if found.thick_mode:
        assert oracle_call["client"] == {
            "lib_dir": found.thick_mode_lib_dir,
            "config_dir": found.thick_mode_config_dir,
        }


@pytest.fixture
def postgres_call(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the PostgreSQL provider's hook gave to psycopg last (to psycopg2 in Airflow 2)."""
    call: dict[str, Any] = {}
    monkeypatch.setattr(
        PostgresHook, "_create_connection", lambda _hook, arguments: call.update(arguments)
    )
    return call


@several(500)
@given(POSTGRES_FIELDS, POSTGRES_EXTRAS, FORMS)
def test_psycopg_gets_the_same(
    postgres_call: dict[str, Any], drawn: dict[str, Any], extra: dict[str, Any], form: Any
) -> None:
    text = form(drawn, extra)
    postgres_call.clear()
    read_by_airflow(text)
    PostgresHook(CONN_ID).get_conn()
    found = postgres_parameters.parameters(read_by_job(text))

    given_by_airflow = {name: value for name, value in postgres_call.items() if value}
    assert {name: str(value) for name, value in found.items()} == {
        name: str(value) for name, value in given_by_airflow.items()
    }
