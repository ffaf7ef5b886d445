"""The layout of messages: fields, lengths, flags, as real servers were recorded to send them."""

import struct
from dataclasses import replace

import pytest

from oracle_standin import messages
from oracle_standin.errors import OraError
from oracle_standin.generations import GENERATIONS, Terms
from oracle_standin.messages import CallEnd, Column, OraType
from support.wire import ERROR_TO_19C, EXECUTE_PARAMETERS, fields


def test_accept_is_laid_out_as_recorded_from_23ai() -> None:
    body = messages.accept(319, 8192, 0x12000000)

    assert len(body) == 61 - 8  # the packet's header
    version, options, *small_sizes = struct.unpack_from(">HHHH", body)
    assert (version, options, small_sizes) == (319, 1, [0, 0])
    byte_order, data_length, data_offset = struct.unpack_from(">HHH", body, 8)
    assert (byte_order, data_length, data_offset) == (0x0100, 0, 61)
    assert struct.unpack_from(">II", body, 24) == (8192, 8192)  # SDU, TDU
    assert body[32] == 0
    assert struct.unpack_from(">I", body, 33) == (0x12000000,)


def test_accept_keeps_clients_from_negotiating_native_network_services() -> None:
    wanted, negotiated = messages.accept(318, 8192, 0)[14:16]

    assert not wanted & 0x10  # native encryption is not demanded
    assert negotiated & 0x08


CURRENT = Terms.before_data_types(24)


@pytest.mark.parametrize("version", [12, 24])
def test_error_says_how_the_call_ended(version: int) -> None:
    end = CallEnd(sequence=700, call=6, in_transaction=True)
    error = OraError(1403)
    error.position = 9

    message = messages.completion(version, end, cursor_id=5, rows=3, error=error, sql_type=3)

    found = fields(message, ERROR_TO_19C + ("nn" if version > 13 else "") + "c")
    assert found[:9] == [4, 3, 700, 3, 1403, 0, 0, 5, 9]
    assert found[9] == 3  # SELECT
    assert found[9:15] == [3, 0, 0, 0, 0, 0]
    assert found[22] == 6  # the call's number, as the client gave it
    assert found[24] == 1  # iterations that succeeded: that the rows ended is no failure
    assert found[29:31] == [1403, 3]
    assert found[31:-1] == ([3, 0] if version > 13 else [])
    assert found[-1] == b"ORA-01403: no data found\n"


def test_error_also_says_that_all_went_well() -> None:
    found = fields(messages.completion(24, CallEnd(sequence=1, call=2)), ERROR_TO_19C + "nn")
    assert found[:3] == [4, 1, 1]
    assert found[29:] == [0, 0, 0, 0]


def test_an_execute_that_fails_has_no_iteration() -> None:
    message = messages.completion(12, CallEnd(), error=OraError(942), sql_type=3)
    assert fields(message, ERROR_TO_19C + "c")[24] == 0


def test_the_parameters_of_an_execute_hold_the_cursor_as_recorded_from_23ai() -> None:
    found = fields(messages.execute_parameters(300), EXECUTE_PARAMETERS)
    assert found == [8, 6, 0, 0, 300, 0, 0, 0, 0, 0, 0]


def test_a_status_is_that_of_a_call() -> None:
    ends = [CallEnd(sequence=9), CallEnd(sequence=10, in_transaction=True)]
    assert [fields(messages.status(end), "bnn") for end in ends] == [[9, 1, 9], [9, 3, 10]]


DESCRIBE = "b" + "c" + "nn" + "b"
COLUMN = "bbbb" + "nnns" + "nnbn" + "n" + "bb" + "sss" + "nn"
COLUMN_TO_23AI = COLUMN + "ss" + "n" + "nbb"
DESCRIBE_END = "s" + "nnnn" + "s"


def test_describe_is_laid_out_as_recorded_from_23ai() -> None:
    columns = [
        Column("ID", OraType.NUMBER, 22, 5, 2),
        Column("NAME", OraType.VARCHAR2, 20, characters=20),
    ]

    found = fields(
        messages.describe(columns, CURRENT), DESCRIBE + 2 * COLUMN_TO_23AI + DESCRIBE_END
    )

    identity = found[1]
    assert isinstance(identity, bytes)
    assert len(identity) == 16 + 7  # the seven are a DATE
    assert found[2:5] == [42, 2, 0x82]
    width = len(COLUMN_TO_23AI)
    number, text = found[5 : 5 + width], found[5 + width : 5 + 2 * width]
    assert number[:12] == [2, 0, 5, 2, 22, 0, 0, b"", 0, 0, 0, 0]
    assert number[12:20] == [0, 1, 2, b"ID", b"", b"", 0, 0]
    assert text[:12] == [1, 0x80, 0, 0, 20, 0, 0, b"", 0, 873, 1, 20]
    assert text[12:20] == [16382, 1, 4, b"NAME", b"", b"", 1, 0]
    date, *numbers, last = found[5 + 2 * width :]
    assert (date, numbers, last) == (identity[16:], [1, 8168, 10, 10], b"")


@pytest.mark.parametrize(
    ("version", "shape"),
    [(12, COLUMN), (17, COLUMN + "ss"), (20, COLUMN + "ss" + "n"), (24, COLUMN_TO_23AI)],
)
def test_later_versions_say_more_of_a_column(version: int, shape: str) -> None:
    terms = Terms.before_data_types(version)
    message = messages.describe([Column("ID", OraType.NUMBER, 22, 5, 2)], terms)
    assert fields(message, DESCRIBE + shape + DESCRIBE_END)[:2] == [0x10, message[2:25]]


@pytest.mark.parametrize(
    ("universal_scale", "scale", "written"),
    [(False, -127, "81"), (True, -127, "817f"), (False, 2, "02"), (True, 2, "0102")],
)
def test_scale_is_written_as_the_client_reads_one_signed_byte(
    universal_scale: bool, scale: int, written: str
) -> None:
    terms = replace(CURRENT, universal_scale=universal_scale)
    message = messages.describe([Column("N", OraType.NUMBER, 22, 0, scale)], terms)
    type_flags_precision = bytes([OraType.NUMBER, 0, 0])
    size = bytes([1, 22])
    assert type_flags_precision + bytes.fromhex(written) + size in message


def test_a_row_header_counts_columns_and_rows_as_recorded_from_23ai() -> None:
    assert fields(messages.row_header(3, 10), "bb" + "nnnnn" + "s") == [
        6,
        0x22,
        3,
        0,
        10,
        0,
        0,
        b"",
    ]


def test_a_token_says_which_request_is_answered() -> None:
    assert fields(messages.token(258), "bn") == [33, 258]


@pytest.mark.parametrize(("name", "sizes"), [("19c", (42, 11)), ("23ai", (53, 12))])
def test_capabilities_are_announced_where_they_are_implemented(
    name: str, sizes: tuple[int, int]
) -> None:
    generation = GENERATIONS[name]
    message = messages.protocol(generation)

    banner = generation.banner.encode() + b"\0"
    head = bytes([1, 6, 0]) + banner + struct.pack("<HBH", 873, 1, 0) + struct.pack(">H", 11)
    assert message.startswith(head)
    compile_caps, runtime_caps = fields(message[len(head) + 11 :], "cc")
    assert isinstance(compile_caps, bytes)
    assert isinstance(runtime_caps, bytes)
    assert (len(compile_caps), len(runtime_caps)) == sizes
    assert compile_caps[:8] == bytes([6, 1, 1, 1, 0xEA, 0, 1, generation.field_version])
    assert compile_caps[27] == 1  # types have two bytes
    ends_responses = compile_caps[40] & 0x20
    assert bool(ends_responses) == generation.ends_responses
    assert compile_caps[40] == ends_responses  # no request boundaries, no notifications
    assert (compile_caps[23], compile_caps[31]) == (0, 0)  # no LOBs, no pools
    assert runtime_caps[6] == 0x04  # 32 KB of text inline, no session states
