"""What passes between the real driver and the stand-in, packet by packet, as it was recorded.

Recordings of real servers say which messages come, in what order and of what layout: 10.2 for
errors, 23ai for the rest. Their values are not here.
"""

import struct
from collections.abc import Iterator
from typing import Any

import oracledb
import pytest

from oracle_standin import OracleStandin
from oracle_standin.packets import Marker, Packet
from support.standin import Behind, connect
from support.wire import ERROR_TO_19C, EXECUTE_PARAMETERS, Eavesdropper, Heard, fields

BREAK, RESET = (bytes([1, 0, kind]) for kind in (Marker.BREAK, Marker.RESET))
ANNOUNCED = [(False, BREAK), (False, RESET), (True, RESET)]
PARAMETERS, ERROR = 8, 4
# How many fields the end of ERROR has more, and what a response ends with.
ENDS = {"19c": ("", b""), "23ai": ("nn", b"\x1d")}


@pytest.fixture(scope="module", params=ENDS)
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    behind.execute(
        "CREATE SCHEMA IF NOT EXISTS apps",
        "DROP TABLE IF EXISTS apps.t",
        "CREATE TABLE apps.t AS SELECT i::numeric n FROM generate_series(1, 100) i",
    )
    with OracleStandin(behind.url, protocol=request.param) as standin:
        yield standin


@pytest.fixture
def line(server: OracleStandin) -> Iterator[Eavesdropper]:
    with Eavesdropper(server.port) as eavesdropper:
        yield eavesdropper
    server.faults.clear()


@pytest.fixture
def is_23ai(server: OracleStandin) -> bool:
    return server.generation.ends_responses


@pytest.fixture
def end(is_23ai: bool) -> tuple[str, bytes]:
    return ENDS["23ai" if is_23ai else "19c"]


def login(server: OracleStandin, line: Eavesdropper, **more: Any) -> oracledb.Connection:
    return connect(server, dsn=f"127.0.0.1:{line.port}/{server.service_name}", **more)


def payload(packet: Heard) -> bytes:
    assert packet.kind == Packet.DATA
    return packet.body[2:]


def after_last_request(line: Eavesdropper) -> list[Heard]:
    """What came since the client last sent data."""
    sent = [at for at, packet in enumerate(line.heard) if packet.up and packet.kind == Packet.DATA]
    return line.heard[sent[-1] + 1 :]


def failure(line: Eavesdropper, *, is_23ai: bool) -> bytes:
    """The message of the error, which was announced by markers or not."""
    *markers, last = after_last_request(line)
    assert [(packet.up, packet.body) for packet in markers] == ([] if is_23ai else ANNOUNCED)
    assert {packet.kind for packet in markers} <= {Packet.MARKER}
    return payload(last)


def test_accept_comes_first_and_has_61_bytes(server: OracleStandin, line: Eavesdropper) -> None:
    with login(server, line):
        asked, accepted = line.heard[:2]
    assert (asked.up, asked.kind) == (True, Packet.CONNECT)
    assert (accepted.up, accepted.kind, accepted.size) == (False, Packet.ACCEPT, 61)


def test_data_types_are_said_again(server: OracleStandin, line: Eavesdropper) -> None:
    with login(server, line):
        data = [packet for packet in line.heard if packet.kind == Packet.DATA]
    asked = b"".join(payload(packet) for packet in data if packet.up)
    answered = b"".join(payload(packet) for packet in data if not packet.up)
    begin = asked.index(struct.pack(">HHHH", 1, 1, 1, 0))  # VARCHAR2, the first of them
    assert b"\x02" + asked[begin : begin + 2000] in answered


def test_both_phases_of_a_login_end_with_error_0(
    server: OracleStandin, line: Eavesdropper, end: tuple[str, bytes]
) -> None:
    with login(server, line):
        first, second = [
            payload(packet) for packet in [one for one in line.heard if not one.up][-2:]
        ]

    more, last = end
    for reply, call in ((first, 1), (second, 2)):
        assert reply.endswith(last)
        # All fields but four are zero: the status, the sequence, the number of the call.
        size = len(ERROR_TO_19C + more) + 2
        found = fields(reply.removesuffix(last)[-size:], ERROR_TO_19C + more)
        assert found[:3] == [ERROR, 1, call]
        assert found[22] == call
        assert not any(found[3:22])
        assert not any(found[23:])
    name = b"AUTH_GLOBALLY_UNIQUE_DBID\0"
    assert bytes([1, 26, 26]) + name + bytes([1, 32, 32]) + server.unique_id.encode() in first
    value = second.index(b"AUTH_SVR_RESPONSE") + len(b"AUTH_SVR_RESPONSE")
    assert second[value : value + 2] == bytes([1, 96])
    assert bytes.fromhex(second[value + 3 : value + 99].decode())


def test_an_execute_tells_its_cursor_before_it_ends(
    server: OracleStandin, line: Eavesdropper, end: tuple[str, bytes]
) -> None:
    more, last = end
    with login(server, line) as connection, connection.cursor() as first:
        first.execute("select n from t")
        with connection.cursor() as second:
            second.execute("rollback")
        reply = payload(line.heard[-1]).removesuffix(last)

    found = fields(reply, EXECUTE_PARAMETERS + ERROR_TO_19C + more)
    told, ended = found[: len(EXECUTE_PARAMETERS)], found[len(EXECUTE_PARAMETERS) :]
    assert told == [PARAMETERS, 6, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert (ended[0], ended[7], ended[9]) == (ERROR, 2, 45)


def test_a_failing_execute(server: OracleStandin, line: Eavesdropper, is_23ai: bool) -> None:
    with login(server, line) as connection, connection.cursor() as cursor:
        with pytest.raises(oracledb.DatabaseError, match="ORA-00942") as raised:
            cursor.execute("select n from missing")
        message = failure(line, is_23ai=is_23ai)
        assert cursor.execute("select count(*) from t").fetchone() == (100,)
    assert message[0] == ERROR
    assert b"ORA-00942" in message
    assert raised.value.args[0].offset == len("select n from ")


def test_a_name_that_is_no_column(server: OracleStandin) -> None:
    with (
        connect(server) as connection,
        connection.cursor() as cursor,
        pytest.raises(oracledb.DatabaseError, match="ORA-00904") as raised,
    ):
        cursor.execute("select n, t.missing from t")
    assert raised.value.args[0].offset == len("select n, t.")


def test_a_failing_fetch(server: OracleStandin, line: Eavesdropper, is_23ai: bool) -> None:
    server.faults.ora_error(1555, after_rows=25)
    with login(server, line) as connection, connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 10
        cursor.execute("select n from t")
        with pytest.raises(oracledb.DatabaseError, match="ORA-01555"):
            cursor.fetchall()
        message = failure(line, is_23ai=is_23ai)
        assert len(cursor.execute("select n from t").fetchall()) == 100
    assert message[0] == ERROR  # and no rows


def test_the_end_of_the_rows_is_no_failure(server: OracleStandin, line: Eavesdropper) -> None:
    with login(server, line) as connection, connection.cursor() as cursor:
        cursor.execute("select n from t where n < 1").fetchall()
        assert b"ORA-01403" in payload(line.heard[-1])
    assert {packet.kind for packet in line.heard} == {Packet.CONNECT, Packet.ACCEPT, Packet.DATA}


def test_a_login_with_the_wrong_password(
    server: OracleStandin, line: Eavesdropper, is_23ai: bool
) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        login(server, line, password="wrong")
    assert b"ORA-01017" in failure(line, is_23ai=is_23ai)
