"""Connections: what each form means, what is refused, and that no secret gets out.

That this is what Airflow reads, too, is shown by thousands of values in tests/airflow.
"""

import json
import os
from pathlib import Path
from typing import Any

import oracledb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.config.airflow_connection import load, parse
from etl_sales_target.core.connection import Connection
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.oracle.parameters import parameters as oracle_parameters
from etl_sales_target.postgres.parameters import parameters as postgres_parameters

SECRET = "Top-Secret"
ORACLE = f"oracle://scott:{SECRET}@db.example.com"
POSTGRES = f"postgres://loader:{SECRET}@pg.example.com"
LOGIN = {"login": "scott", "password": SECRET}


def oracle(text: str) -> dict[str, Any]:
    """The arguments of oracledb.connect for this text."""
    return oracle_parameters(parse(text, name="X")).connect_arguments()


def oracle_json(**fields: Any) -> str:
    return json.dumps({"conn_type": "oracle", **LOGIN, **fields})


def postgres(text: str) -> dict[str, str | int]:
    """The keywords of libpq for this text."""
    return postgres_parameters(parse(text, name="X"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_uri(scheme: str) -> None:
    found = parse(f"{scheme}://us%40er:p%2Fw@Host:5433/my%20db?sslmode=require&a=b%26c", name="X")

    assert found == Connection(
        conn_type="postgres",
        host="host",
        login="us@er",
        password="p/w",
        schema="my db",
        port=5433,
        extra={"sslmode": "require", "a": "b&c"},
    )


def test_json() -> None:
    text = """
        {"conn_type": "oracle", "host": "h", "login": "u", "password": "p", "schema": "s",
         "port": "1522", "description": "of the DBA", "extra": {"thick_mode": true}}
    """

    assert parse(text, name="X") == Connection(
        conn_type="oracle",
        host="h",
        login="u",
        password="p",
        schema="s",
        port=1522,
        extra={"thick_mode": True},
    )


@pytest.mark.parametrize(
    "text",
    [
        ORACLE + "?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D",
        oracle_json(extra='{"a": {"b": 1}}'),
        oracle_json(extra={"a": {"b": 1}}),
    ],
)
def test_every_way_to_write_nested_extras(text: str) -> None:
    assert parse(text, name="X").extra == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("postgres://u:p@[fe80::1]:5432/d", "fe80::1"),
        ("postgres://u:p@%2FVar%2Frun%2Fpg/d", "/Var/run/pg"),
        ("oracle://tcps://u:p@h:2484/s", "tcps://h"),
        ("postgres://u:p@/d", ""),
    ],
)
def test_hosts_that_are_no_plain_name(text: str, host: str) -> None:
    assert parse(text, name="X").host == host


def test_white_space_around_a_connection_means_nothing() -> None:
    assert parse(f"\n  {ORACLE}\n", name="X") == parse(ORACLE, name="X")


UNUSABLE = {
    "it is empty": " ",
    "does not begin with a type": "scott@db.example.com",
    "its port is no number": f"oracle://scott:{SECRET}/x@db.example.com/s",
    "its port is not between": oracle_json(port=65_536),
    "'://' stands in it too often": f"oracle://scott:{SECRET}://@h",
    "stands in it too often": f"oracle://oracle://scott:{SECRET}@h",
    "not of that form": f"oracle://scott:{SECRET}@[db/s",
    "its host is neither": f"oracle://scott:{SECRET}@a%2Fb/s",
    "it is not complete JSON, see line 1, column": '{"password": "Top-Secret"',
    "may have the keys": oracle_json(hostname="h"),
    "its password is no text": '{"conn_type": "oracle", "password": ["Top-Secret"]}',
    "its extra is not complete JSON": oracle_json(extra='{"wallet_password": "Top-Secret"'),
    "its extra is no JSON object": oracle_json(extra=["Top-Secret"]),
    " its port is no number": oracle_json(port="Top-Secret"),
}


@pytest.mark.parametrize(("reason", "text"), UNUSABLE.items())
def test_unusable_text_gets_one_sentence_without_its_secret(reason: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^The connection X cannot be understood") as e:
        parse(text, name="X")

    assert reason.strip() in e.value.message
    assert_hides_secret(e.value)


def assert_hides_secret(error: BaseException) -> None:
    """Not in the error, and not in one that it drags along."""
    assert SECRET.lower() not in f"{error!r} {error}".lower()
    assert error.__cause__ is None
    assert error.__context__ is None


@given(st.text(max_size=40), st.sampled_from(["", "{", "oracle://", "oracle://u:p@", '{"port":']))
def test_any_text_is_understood_or_refused(text: str, start: str) -> None:
    try:
        found = parse(start + text, name="X")
    except ConfigurationError:
        return
    assert isinstance(found, Connection)


def test_a_connection_shows_no_secret() -> None:
    text = oracle_json(host="h", schema="s", extra={"wallet_password": SECRET})
    connection = parse(text, name="X")

    assert SECRET not in repr(connection) + repr(oracle_parameters(connection))
    assert [*connection.secrets] == [SECRET, SECRET]


ORACLE_ADDRESS = (
    "(DESCRIPTION=(ADDRESS=(PROTOCOL={})(HOST=db.example.com)(PORT={}))(CONNECT_DATA=({})))"
)


@pytest.mark.parametrize(
    ("text", "dsn"),
    [
        (f"{ORACLE}/SALES", ORACLE_ADDRESS.format("TCP", 1521, "SERVICE_NAME=SALES")),
        (f"{ORACLE}:1522/SALES", ORACLE_ADDRESS.format("TCP", 1522, "SERVICE_NAME=SALES")),
        (f"{ORACLE}/X?service_name=S", ORACLE_ADDRESS.format("TCP", 1521, "SERVICE_NAME=S")),
        (f"{ORACLE}?sid=ORCL", ORACLE_ADDRESS.format("TCP", 1521, "SID=ORCL")),
        (f"{ORACLE}/S?protocol=tcps", ORACLE_ADDRESS.format("TCPS", 1521, "SERVICE_NAME=S")),
        (
            f"oracle://tcps://scott:{SECRET}@db.example.com/S",
            ORACLE_ADDRESS.format("TCPS", 1521, "SERVICE_NAME=S"),
        ),
        (f"{ORACLE}?dsn=h%3A1521%2FSALES", "h:1521/SALES"),
        (oracle_json(extra={"dsn": "sales_prod"}), "sales_prod"),
        (f"{ORACLE}:1522", "db.example.com:1522"),
        (ORACLE, "db.example.com"),
        (f"{ORACLE}/SALES?sid=&dsn=", ORACLE_ADDRESS.format("TCP", 1521, "SERVICE_NAME=SALES")),
    ],
)
def test_where_oracle_is(text: str, dsn: str) -> None:
    assert oracle(text)["dsn"] == dsn


def test_why_the_descriptor_is_not_connect_params() -> None:
    """Theirs says SSL_SERVER_DN_MATCH=ON for TCPS, which would override the connection's extra."""
    text = f"{ORACLE}/S?protocol=tcps&ssl_server_dn_match=false"
    theirs = oracledb.ConnectParams(host="h", service_name="S", protocol="tcps")
    matches = []
    for dsn in (oracle(text)["dsn"], theirs.get_connect_string()):
        read = oracledb.ConnectParams(ssl_server_dn_match=oracle(text)["ssl_server_dn_match"])
        read.parse_connect_string(dsn)
        matches.append(read.ssl_server_dn_match)

    assert matches == [False, True]


def test_all_that_oracledb_connect_gets() -> None:
    text = f"{ORACLE}?dsn=d&expire_time=2&events=false&purity=self&wallet_location=/w&unknown=1"

    assert oracle(text) == {
        "user": "scott",
        "password": SECRET,
        "dsn": "d",
        "expire_time": 2,
        "events": False,
        "purity": "self",
        "wallet_location": "/w",
    }


@pytest.mark.parametrize(
    ("extra", "thick_mode"),
    [({}, None), ({"thick_mode": "True"}, True), ({"thick_mode": False}, False)],
)
def test_thick_mode(extra: dict[str, Any], thick_mode: bool | None) -> None:
    folders = {"thick_mode_lib_dir": "/client", "thick_mode_config_dir": "/tns"}
    found = oracle_parameters(parse(oracle_json(host="h", extra=extra | folders), name="X"))

    assert found.thick_mode is thick_mode
    assert found.thick_mode_lib_dir == "/client"
    assert found.thick_mode_config_dir == "/tns"


UNUSABLE_FOR_ORACLE = {
    "of type oracle is needed, not 'postgres'": POSTGRES,
    "names no user": "oracle://:Top-Secret@h",
    "holds no password": "oracle://scott@h",
    "extra mode": f"{ORACLE}?mode=sysdba",
    "both a service_name and a sid": f"{ORACLE}?service_name=a&sid=b",
    "names no host and no dsn": f"oracle://scott:{SECRET}@/SALES",
    "service_name of the oracle connection may not": f"{ORACLE}/x)(y=z",
    "sid of the oracle connection may not": f"{ORACLE}?sid=(x",
    "host of the oracle connection may not": oracle_json(host="(x)", schema="s"),
    "dsn of the oracle connection may not": f"oracle://scott:x@?dsn=scott%2F{SECRET}%40h",
    "thick_mode of the oracle connection is not true or false": f"{ORACLE}?thick_mode={SECRET}",
    "extra ssl_server_dn_match of": f"{ORACLE}?ssl_server_dn_match=1",
    "expire_time of the oracle connection is not a whole": f"{ORACLE}?expire_time={SECRET}",
    "extra wallet_password of the oracle connection is not text": oracle_json(
        host="h", extra={"wallet_password": [SECRET]}
    ),
    "extra dsn of the oracle connection is not text": oracle_json(extra={"dsn": 1}),
}


@pytest.mark.parametrize(("reason", "text"), UNUSABLE_FOR_ORACLE.items())
def test_what_cannot_be_a_source(reason: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as e:
        oracle(text)

    assert reason in e.value.message
    assert_hides_secret(e.value)


def test_all_that_libpq_gets() -> None:
    text = f"{POSTGRES}:5433/sales?sslmode=verify-full&options=-c+work_mem%3D64MB&cursor=dictcursor"

    assert postgres(text) == {
        "host": "pg.example.com",
        "port": 5433,
        "dbname": "sales",
        "user": "loader",
        "password": SECRET,
        "sslmode": "verify-full",
        "options": "-c work_mem=64MB",
    }


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        (POSTGRES, {"port", "dbname"}),
        ("postgres://loader@pg.example.com/sales", {"password", "port"}),
        ("postgres://loader@/sales?hostaddr=127.0.0.1", {"host", "password", "port"}),
    ],
)
def test_what_is_missing_is_left_to_libpq(text: str, absent: set[str]) -> None:
    names = {"host", "port", "dbname", "user", "password"}

    assert names - postgres(text).keys() == absent


UNUSABLE_FOR_POSTGRES = {
    "of type postgres is needed, not 'oracle'": ORACLE,
    "names no user": "postgres://h/d",
    "names no host": f"postgres://loader:{SECRET}@/d",
    "a cloud's token": f"{POSTGRES}?iam=true",
    "extra sslpassword of the postgres connection is neither": json.dumps(
        {"conn_type": "postgres", **LOGIN, "host": "h", "extra": {"sslpassword": [SECRET]}}
    ),
}


@pytest.mark.parametrize(("reason", "text"), UNUSABLE_FOR_POSTGRES.items())
def test_what_cannot_be_a_target(reason: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as e:
        postgres(text)

    assert reason in e.value.message
    assert_hides_secret(e.value)


def test_a_file_wins_over_the_environment(tmp_path: Path) -> None:
    (tmp_path / "NAME").write_text(f"{POSTGRES}\n")

    assert load("NAME", {"NAME": ORACLE}, tmp_path).conn_type == "postgres"


@pytest.mark.parametrize("directory", ["empty", "not-there", "a-file"])
def test_without_a_file_the_environment_counts(tmp_path: Path, directory: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").touch()

    assert load("NAME", {"NAME": ORACLE}, tmp_path / directory).conn_type == "oracle"


def test_a_connection_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="The connection NAME is not set") as e:
        load("NAME", {}, tmp_path)

    assert str(tmp_path) in str(e.value)


def test_a_file_with_an_error_is_named_in_it(tmp_path: Path) -> None:
    (tmp_path / "NAME").write_text("")

    with pytest.raises(ConfigurationError, match=f"{tmp_path}/NAME cannot be understood: it is em"):
        load("NAME", {"NAME": ORACLE}, tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "NAME").write_bytes(SECRET.encode() + b"\xff")

    with pytest.raises(ConfigurationError, match="cannot be read: it is not UTF-8") as e:
        load("NAME", {"NAME": ORACLE}, tmp_path)

    assert_hides_secret(e.value)


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "NAME").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load("NAME", {"NAME": ORACLE}, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "NAME").touch(mode=0o000)

    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        load("NAME", {"NAME": ORACLE}, tmp_path)
