"""Rows as the text that COPY reads, whatever stands in them and wherever a NULL does."""

from hypothesis import example, given
from hypothesis import strategies as st

from etl_sales_target.core.copy_format import encode

values = st.none() | st.from_regex(r"-?[0-9]{1,5}(\.[0-9]{1,3})?", fullmatch=True)
batches = st.lists(st.tuples(values, values, values), max_size=20)


@given(batches)
@example([])
@example([(None, None, None)])
@example([("1", "2", None), ("3", "4", "5"), (None, "6", "7"), (None, None, "8")])
def test_a_line_a_row_and_backslash_n_for_null(batch: list[tuple[str | None, ...]]) -> None:
    lines = ["\t".join("\\N" if value is None else value for value in row) for row in batch]

    assert encode(batch) == "".join(f"{line}\n" for line in lines)
