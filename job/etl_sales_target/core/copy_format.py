"""Rows on their way: as Oracle's driver hands them over, and as COPY's text format."""

from collections.abc import Sequence

from etl_sales_target.core.columns import Column, Kind
from etl_sales_target.core.errors import DataError

# A row as Oracle's driver delivers it and COPY takes it: a NUMBER as its exact decimal text, a text
# as it is, a date as the text of its civil fields.
Row = tuple[str | None, ...]
Batch = list[Row]

_NULL = r"\N"
# No text that PostgreSQL takes has it: it separates texts that are escaped at once.
_NUL = "\0"
# The backslash first: the others bring new ones. COPY knows no others (PostgreSQL's COPY, "Text
# Format").
_ESCAPES = (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r"))


class Encoder:
    """Encodes the rows of a table with these columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._texts = [
            position for position, column in enumerate(columns) if column.type.kind is Kind.TEXT
        ]

    def encode(self, batch: Batch) -> str:
        """Returns the batch in COPY's text format.

        Raises DataError for a text with U+0000, which PostgreSQL does not take.
        """
        text, nulls = _joined(batch)
        if self._texts and not self._is_plain(text, len(batch), nulls):
            text, _ = _joined(self._escaped(batch))
        return text

    def _is_plain(self, text: str, rows: int, nulls: int) -> bool:
        """Whether the joined rows hold no character that means something to COPY, but our own."""
        return (
            text.count("\\") == nulls
            and text.count("\t") == rows * (len(self._columns) - 1)
            and text.count("\n") == rows
            and "\r" not in text
            and _NUL not in text
        )

    def _escaped(self, batch: Batch) -> Batch:
        columns = list(zip(*batch, strict=True))
        for position in self._texts:
            columns[position] = self._escaped_column(position, columns[position])
        return list(zip(*columns, strict=True))

    def _escaped_column(self, position: int, values: Row) -> Row:
        """All its texts at once, which is a loop in C."""
        present = [value for value in values if value is not None]
        joined = _NUL.join(present)
        if joined.count(_NUL) > max(len(present) - 1, 0):
            name = self._columns[position].name
            raise DataError(
                f"Column {name} has a text with U+0000, which PostgreSQL cannot store.",
                remedy=f"Correct the text in the source, or leave {name} out of `columns`.",
                column=name,
            )
        for character, escaped in _ESCAPES:
            joined = joined.replace(character, escaped)
        texts = iter(joined.split(_NUL))
        return tuple(None if value is None else next(texts) for value in values)


def _joined(batch: Batch) -> tuple[str, int]:
    r"""The rows with tabs and newlines between them, and how many \N that took.

    A loop that runs in C takes a sixth of the time of psycopg's row by row. It stops at a row with
    a NULL, which cannot be joined, and goes on behind it.
    """
    lines: list[str] = []
    nulls = 0
    joined = map("\t".join, batch)  # type: ignore[arg-type]
    while len(lines) < len(batch):
        try:
            lines.extend(joined)
        except TypeError:
            row = batch[len(lines)]
            nulls += row.count(None)
            lines.append("\t".join([_NULL if value is None else value for value in row]))
    lines.append("")
    return "\n".join(lines), nulls
