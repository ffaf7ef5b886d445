"""The small parts: cache, rows, faults, names, errors, and the examples in the docstrings."""

import doctest
import importlib
import pkgutil

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle_standin
from oracle_standin.cache import Cache
from oracle_standin.codec import encode_number
from oracle_standin.errors import OraError, from_postgres
from oracle_standin.faults import ConnectionDropError, Faults
from oracle_standin.messages import Column, OraType
from oracle_standin.names import swapped
from oracle_standin.result import Result, from_cache
from oracle_standin.rows import Block, RowEncoder

MODULES = [
    f"oracle_standin.{module.name}"
    for module in pkgutil.iter_modules(oracle_standin.__path__)
    if not module.name.startswith("_")
]
NUMBER = Column("N", OraType.NUMBER, 22)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd"], codec="ascii"), max_size=10))
def test_a_name_travels_both_ways(name: str) -> None:
    assert swapped(swapped(name)) == name


def block(size: int) -> Block:
    return Block(bytes(size), np.array([0, size], np.uint32))


def test_the_cache_drops_what_was_not_used_longest() -> None:
    cache = Cache(capacity=3 * block(100).size)
    for key in "abc":
        cache.put(key, [block(100)])
    assert cache.get("a")
    cache.put("d", [block(100)])

    assert cache.get("b") is None
    assert all(cache.get(key) for key in "acd")


def test_the_cache_holds_nothing_larger_than_itself() -> None:
    cache = Cache(capacity=block(100).size)
    cache.put("large", [block(1000)])
    assert cache.get("large") is None


@given(
    st.lists(st.lists(st.sampled_from(["1", "2", None]), min_size=3, max_size=3), max_size=30),
    st.lists(st.integers(1, 7), min_size=30, max_size=30),
)
def test_any_sizes_of_fetch_give_the_same_rows(
    rows: list[list[str | None]], sizes: list[int]
) -> None:
    encoder = RowEncoder([NUMBER] * 3)
    encoded = encoder.encode(rows) if rows else Block(b"", np.zeros(1, np.uint32))
    result = from_cache([encoded] if rows else [])
    taken = [result.take(size) for size in sizes]

    assert sum(count for count, _ in taken) == result.sent == len(rows)
    assert b"".join(data for _, data in taken) == encoded.data


def test_a_row_leaves_out_what_the_row_before_had() -> None:
    one, two = (bytes([2]) + encode_number(n) for n in "12")
    encoder = RowEncoder([NUMBER] * 3, duplicate_columns=True)

    first = encoder.encode([["1", None, "2"], ["1", "1", "2"], ["1", "1", "2"]])
    second = encoder.encode([["2", "1", "2"]])

    whole = b"\x07" + one + b"\0" + two
    changed = b"\x15\x01\x01\x02\x07" + one  # one column sent: bit 1
    same = b"\x15\x00\x00\x07"
    assert first.data == whole + changed + same
    assert [*first.offsets] == [0, len(whole), len(whole + changed), len(first.data)]
    assert second.data == b"\x15\x01\x01\x01\x07" + two  # goes on from the block before


def test_a_closed_result_is_a_fetch_out_of_sequence() -> None:
    result = Result(lambda: None, lambda: None)
    result.close()
    with pytest.raises(OraError, match="ORA-01002"):
        result.take(1)


def test_a_fault_is_due_at_execute_or_behind_its_rows_and_as_often_as_it_says() -> None:
    faults = Faults()
    faults.ora_error(1555, after_rows=10, on="FROM T", times=2)
    faults.raise_due("select * from t")
    faults.raise_due("select * from t", 10)
    faults.raise_due("select * from u", 11)
    for _ in range(2):
        with pytest.raises(OraError, match="ORA-01555: snapshot too old"):
            faults.raise_due("select * from t", 11)
    faults.raise_due("select * from t", 11)

    faults.drop_connection(reset=True)
    with pytest.raises(ConnectionDropError) as raised:
        faults.raise_due("select 1 from dual")
    assert raised.value.reset


def test_faults_can_be_cleared() -> None:
    faults = Faults()
    faults.delay(execute=1, fetch=2)
    faults.refuse_connections(12518, times=1)
    assert (faults.execute_delay("x"), faults.fetch_delay("x")) == (1, 2)
    assert [faults.refusal(), faults.refusal()] == [12518, None]

    faults.refuse_connections()
    faults.clear()
    assert (faults.execute_delay("x"), faults.refusal()) == (0, None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.UndefinedColumn, 904),
        (psycopg.errors.UndefinedTable, 942),
        (psycopg.errors.DivisionByZero, 1476),
        (psycopg.errors.ReadOnlySqlTransaction, 1456),
        (psycopg.errors.UniqueViolation, 1),
        (psycopg.errors.FeatureNotSupported, 3001),
        (psycopg.errors.DiskFull, 600),
    ],
)
def test_postgresqls_errors_have_oracles_codes(error: type[psycopg.Error], code: int) -> None:
    assert from_postgres(error("something")).code == code
