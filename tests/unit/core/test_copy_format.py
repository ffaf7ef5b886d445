"""Rows as the text that COPY reads, whatever stands in them and wherever a NULL does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl_sales_target.core.columns import NUMBER, Column, ColumnType, Kind
from etl_sales_target.core.copy_format import Encoder
from etl_sales_target.core.errors import DataError

TEXT = ColumnType(Kind.TEXT, "VARCHAR2(4000)")

numbers = st.none() | st.from_regex(r"-?[0-9]{1,5}(\.[0-9]{1,3})?", fullmatch=True)
odd = st.sampled_from(["\\", "\t", "\n", "\r", "N", ".", "x", "e\u0301", "\U0001f600", " "])
characters = odd | st.characters(exclude_characters="\0", exclude_categories=["Cs"])
texts = st.none() | st.lists(characters, min_size=1, max_size=8).map("".join)


def encoder(*types: ColumnType) -> Encoder:
    return Encoder([Column(f"c{number}", each) for number, each in enumerate(types)])


@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=20))
@example([])
@example([(None, None, None)])
@example([("1", "2", None), ("3", "4", "5"), (None, "6", "7"), (None, None, "8")])
def test_a_line_a_row_and_backslash_n_for_null(batch: list[tuple[str | None, ...]]) -> None:
    lines = ["\t".join("\\N" if value is None else value for value in row) for row in batch]

    assert encoder(NUMBER, NUMBER, NUMBER).encode(batch) == "".join(f"{line}\n" for line in lines)


def escaped(value: str | None) -> str:
    """As PostgreSQL's documentation of COPY has it, a character at a time."""
    if value is None:
        return "\\N"
    escapes = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return "".join(escapes.get(character, character) for character in value)


@given(st.lists(st.tuples(numbers, texts, texts), max_size=20))
@example([])
@example([(None, None, None)])
@example([("1", "\\N", None), ("2", None, "a\tb"), (None, "c\r\n", "\\."), ("3", "d", "e")])
def test_texts_are_escaped(batch: list[tuple[str | None, ...]]) -> None:
    lines = ["\t".join(map(escaped, row)) for row in batch]

    assert encoder(NUMBER, TEXT, TEXT).encode(batch) == "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("text", ["\0", "a\0", "\0b", "a\0\0b"])
@pytest.mark.parametrize("beside", [None, "x", "y\\"])
def test_a_text_that_postgresql_does_not_take_is_refused_by_column(
    text: str, beside: str | None
) -> None:
    with pytest.raises(DataError, match=r"Column c2 has a text with U\+0000") as e:
        encoder(NUMBER, TEXT, TEXT).encode([("1", beside, text), ("2", "z", None)])

    assert e.value.fields["column"] == "c2"
