"""What a client says of itself in the data types request, and what holds from there on."""

import struct
from collections.abc import Iterable

import pytest

from oracle_standin.codec import clr, sized, universal
from oracle_standin.generations import GENERATIONS
from oracle_standin.requests import DataTypes, Option, read_data_types, read_execute, read_login
from support.wire import data, reader_of

NUMBER, SB1, ERROR, COLUMN = 2, 27, 652, 663
ORACLE, UNIVERSAL = 10, 1
ZONE = bytes([0x80, 0, 0, 0, 60, 60, 60, 0x80, 0, 0, 0])


def entry(kind: int, representation: int, width: str = "H") -> bytes:
    return struct.pack(f">{4}{width}", kind, kind, representation, 0)


def compile_caps(version: int = 24, more: dict[int, int] | None = None) -> bytes:
    caps = bytearray(53)
    for position, value in ({7: version, 27: 1} | (more or {})).items():
        caps[position] = value
    return bytes(caps)


def request(
    *,
    flags: int = 3,
    caps: bytes = compile_caps(),
    runtime: bytes = bytes(11),
    zone: bytes = b"",
    types: Iterable[bytes] = (),
    end: bytes = b"\0\0",
) -> bytes:
    charsets = struct.pack("<HH", 873, 873)
    return charsets + bytes([flags]) + clr(caps) + clr(runtime) + zone + b"".join(types) + end


def read(sent: bytes) -> DataTypes:
    with reader_of(data(sent + b"\x7f")) as reader:
        found = read_data_types(reader)
        assert reader.u8() == 0x7F  # nothing is left, and nothing is missing
        return found


def test_types_are_said_again_as_they_came() -> None:
    types = entry(NUMBER, ORACLE) + struct.pack(">HH", 3, 0) + entry(SB1, ORACLE)

    found = read(request(types=[types]))

    assert found.types == types + b"\0\0"
    assert found.representations == {NUMBER: ORACLE, SB1: ORACLE}
    assert found.time_zone == b""


def test_types_are_one_byte_each_where_the_client_says_so() -> None:
    types = entry(NUMBER, ORACLE, "B") + bytes([3, 0]) + entry(SB1, UNIVERSAL, "B")

    found = read(request(caps=compile_caps(more={27: 0}), types=[types], end=b"\0"))

    assert found.types == types + b"\0"
    assert found.representations == {NUMBER: ORACLE, SB1: UNIVERSAL}


@pytest.mark.parametrize(
    ("ttc3", "zone"), [(0, ZONE), (0x02, ZONE + bytes([0, 0, 0, 18]))], ids=["10.2", "12.1"]
)
def test_a_time_zone_comes_back(ttc3: int, zone: bytes) -> None:
    national = struct.pack("<H", 2000)
    caps = compile_caps(more={37: ttc3})
    found = read(request(caps=caps, runtime=bytes([2, 1]), zone=zone + national))
    assert found.time_zone == zone


@pytest.mark.parametrize("name", GENERATIONS)
@pytest.mark.parametrize("version", [8, 12, 22, 24, 30])
def test_the_lower_version_holds(name: str, version: int) -> None:
    types = [entry(ERROR, UNIVERSAL), entry(COLUMN, UNIVERSAL)]
    terms = read(request(caps=compile_caps(version), types=types)).terms(GENERATIONS[name])
    lower = min(version, GENERATIONS[name].field_version)
    assert (terms.version, terms.error_version, terms.column_version) == (lower, lower, lower)


def test_a_client_gets_the_layouts_that_it_knows() -> None:
    terms = read(request()).terms(GENERATIONS["23ai"])
    assert (terms.version, terms.error_version, terms.column_version) == (24, 13, 16)


@pytest.mark.parametrize(("representation", "is_universal"), [(ORACLE, False), (UNIVERSAL, True)])
def test_the_client_says_how_it_reads_a_scale(representation: int, is_universal: bool) -> None:
    terms = read(request(types=[entry(SB1, representation)])).terms(GENERATIONS["19c"])
    assert terms.universal_scale == is_universal


@pytest.mark.parametrize(
    ("name", "ttc4", "ends"),
    [("23ai", 0x24, True), ("23ai", 0x04, False), ("19c", 0x24, False)],
)
def test_responses_have_an_end_where_both_sides_know_it(name: str, ttc4: int, ends: bool) -> None:
    terms = read(request(caps=compile_caps(more={40: ttc4}))).terms(GENERATIONS[name])
    assert terms.ends_responses == ends


@pytest.mark.parametrize(("flags", "prefixed"), [(1, False), (3, True)])
def test_text_has_a_length_or_not_as_the_client_says(flags: int, prefixed: bool) -> None:
    terms = read(request(flags=flags)).terms(GENERATIONS["19c"])
    assert terms.prefixed_text == prefixed

    user = b"APPS"
    pair = sized(b"KEY") + sized(b"value") + universal(0)
    login = bytes([1]) + universal(len(user)) + universal(1) + bytes([1]) + universal(1)
    login += bytes([1, 1]) + (clr(user) if prefixed else user) + pair
    with reader_of(data(login)) as reader:
        reader.prefixed_text = terms.prefixed_text
        assert read_login(reader) == ("APPS", {"KEY": "value"})


@pytest.mark.parametrize("prefixed", [False, True])
def test_a_statement_has_a_length_or_not_as_was_agreed(prefixed: bool) -> None:
    sql = b"select n from t where n = 1"
    numbers = [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]  # of which the eighth says that it is a query
    request = b"".join(
        [
            universal(Option.PARSE | Option.EXECUTE),
            universal(0),
            bytes([1]) + universal(len(sql)),
            bytes([1]) + universal(13) + bytes(2 + 1),
            universal(10) + universal(0),  # rows wanted, longest LONG
            bytes(1 + 1 + 5 + 1 + 1),  # no binds, no defines
            bytes(len("nbbbnbnnbnb")),
            clr(sql) if prefixed else sql,
            *map(universal, numbers),
        ]
    )
    with reader_of(data(request + b"\x7f")) as reader:
        reader.prefixed_text = prefixed
        found = read_execute(reader, 7)
        assert reader.u8() == 0x7F
    assert (found.sql, found.prefetch, found.bind_types) == (sql.decode(), 10, [])
