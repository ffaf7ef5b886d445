"""NUMBER through the real driver's own encoder and decoder, digit for digit."""

from collections.abc import Iterator
from decimal import Decimal

import oracledb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oracle_standin import OracleStandin
from support.standin import Behind, connect, numbers_as_text
from support.strategies import numbers

Row = tuple[Decimal | None, ...]
CORNERS = [
    Decimal(text)
    for text in ("0", "1E-130", "-1E-130", "0.1", "-0.1", "1E125", "9007199254740993", "-1E38")
]


@pytest.fixture(scope="module", params=[False, True], ids=["whole rows", "duplicate columns"])
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    behind.execute(
        "CREATE SCHEMA IF NOT EXISTS apps",
        "CREATE TABLE IF NOT EXISTS apps.t (id numeric, a numeric, b numeric, c numeric)",
    )
    with OracleStandin(behind.url, duplicate_columns=request.param) as standin:
        yield standin


@pytest.fixture(scope="module")
def cursor(server: OracleStandin) -> Iterator[oracledb.Cursor]:
    with connect(server) as connection, connection.cursor() as opened:
        opened.outputtypehandler = numbers_as_text
        yield opened


@given(st.lists(st.none() | numbers(), min_size=1, max_size=40))
@example([*CORNERS, None, Decimal("9" * 38), Decimal("-" + "9" * 38 + "E-130")])
@settings(max_examples=40)
def test_a_bound_number_comes_back(cursor: oracledb.Cursor, sent: list[Decimal | None]) -> None:
    binds = ", ".join(f":{position}" for position in range(len(sent)))
    (received,) = cursor.execute(f"select {binds} from dual", sent).fetchall()
    assert [None if text is None else Decimal(text) for text in received] == sent


_REPEATING = st.sampled_from([None, Decimal(1), Decimal(2), Decimal("-0.5")])
_ROWS = st.lists(st.tuples(_REPEATING, _REPEATING | numbers(), _REPEATING), max_size=60)


@given(_ROWS, st.integers(1, 70))
@settings(max_examples=40)
def test_rows_come_back_in_fetches_of_any_size(
    cursor: oracledb.Cursor, rows: list[Row], arraysize: int
) -> None:
    cursor.execute("delete from t")
    if rows:
        insert = "insert into t (id, a, b, c) values (:1, :2, :3, :4)"
        cursor.executemany(insert, [(position, *row) for position, row in enumerate(rows)])
    cursor.connection.commit()
    cursor.arraysize = arraysize
    for _ in ("encoded", "from the cache"):
        cursor.execute("select a, b, c from t order by id")
        received = [tuple(_decimal(text) for text in row) for row in cursor]
        assert received == rows


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def test_what_postgresql_holds_arrives_digit_for_digit(
    cursor: oracledb.Cursor, behind: Behind
) -> None:
    corners = ["2" * 38, "-0." + "0" * 100 + "7" * 30, "100.00", "1" + "0" * 125, "0.000"]
    behind.execute(
        "TRUNCATE apps.t",
        *(f"INSERT INTO apps.t (id, a) VALUES ({i}, {n})" for i, n in enumerate(corners)),
    )
    cursor.execute("select a from t order by id")
    assert [Decimal(text) for (text,) in cursor] == [Decimal(number) for number in corners]


def test_bit_vectors_save_what_repeats(
    server: OracleStandin, behind: Behind, cursor: oracledb.Cursor
) -> None:
    """The switch switches: the same rows in far fewer bytes."""
    behind.execute("TRUNCATE apps.t", "INSERT INTO apps.t SELECT i, 123456789, 1, 2"
        " FROM generate_series(1, 2000) i")  # fmt: skip
    before = len(server._cache._entries)
    cursor.execute("select a, b, c from t")
    assert cursor.fetchall() == [("123456789", "1", "2")] * 2000
    (blocks,) = list(server._cache._entries.values())[before:]
    size = sum(len(block.data) for block in blocks)
    assert size < 5 * 2000 if server._duplicate_columns else size > 10 * 2000


@pytest.mark.parametrize(
    ("number", "code"), [("1e126", "ORA-01426"), ("'NaN'", "ORA-01722"), ("-1e200", "ORA-01426")]
)
def test_what_is_no_number_in_oracle_is_an_error(
    cursor: oracledb.Cursor, behind: Behind, number: str, code: str
) -> None:
    behind.execute("TRUNCATE apps.t", f"INSERT INTO apps.t (a) VALUES ({number})")
    with pytest.raises(oracledb.DatabaseError, match=code):
        cursor.execute("select a from t").fetchall()
