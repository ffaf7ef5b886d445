"""The table of values in the chart's README, from the comments in values.yaml."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from configuration.sections import replaced

_COMMENT = "# -- "


def rendered(readme: str, values: str) -> str:
    """The README's text with the table of these values.

    Raises ValueError if a value has no comment, or if the README has no section for the table.
    """
    rows = [
        f"| `{path}` | `{json.dumps(default)}` | {comment} |"
        for path, default, comment in _values(values)
    ]
    table = ["| value | default | what it is for |", "|---|---|---|", *rows]
    return replaced(readme, "values", "\n".join(table) + "\n")


def _values(text: str) -> Iterator[tuple[str, object, str]]:
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    yield from _walk(root, yaml.safe_load(text), lines, path="")


def _walk(
    node: Any, value: Any, lines: list[str], *, path: str
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
