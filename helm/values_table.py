"""Generates the table of values in the chart's README from the comments in values.yaml.

`python helm/values_table.py` writes it between the two markers in the README.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

CHART = Path(__file__).parent / "etl-sales-target"
README = CHART / "README.md"

_BEGIN = "<!-- values: begin; made by `make chart-table` -->\n"
_END = "<!-- values: end -->\n"
_COMMENT = "# -- "


def rendered(readme: str, values: str) -> str:
    """The README's text with the table of these values.

    Raises ValueError if a value has no comment, or if the README lacks the markers.
    """
    before, _, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"The README lacks the lines {_BEGIN!r} and {_END!r}.")
    rows = [
        f"| `{path}` | `{json.dumps(default)}` | {comment} |"
        for path, default, comment in _values(values)
    ]
    table = ["| value | default | what it is for |", "|---|---|---|", *rows]
    return f"{before}{_BEGIN}{chr(10).join(table)}\n{_END}{after}"


def _values(text: str) -> Iterator[tuple[str, object, str]]:
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    yield from _walk(root, yaml.safe_load(text), lines, path="")


def _walk(
    node: yaml.Node, value: dict[str, object], lines: list[str], *, path: str
) -> Iterator[tuple[str, object, str]]:
    """A row for each key that has a comment; keys without one are groups of further keys."""
    for key, child in node.value:
        key_path = f"{path}{key.value}"
        above = lines[key.start_mark.line - 1].strip()
        if above.startswith(_COMMENT):
            yield key_path, value[key.value], above.removeprefix(_COMMENT)
        elif isinstance(child, yaml.MappingNode) and child.value:
            yield from _walk(child, value[key.value], lines, path=f"{key_path}.")
        else:
            raise ValueError(f"{key_path} has no comment.")


def main() -> None:
    """Write the table."""
    values = (CHART / "values.yaml").read_text(encoding="utf-8")
    README.write_text(rendered(README.read_text(encoding="utf-8"), values), encoding="utf-8")


if __name__ == "__main__":
    main()
