"""YAML as plain values, each with the line that it is on.

Plain scalars are those of YAML 1.2: a column may be named `no` or `on`. What invites mistakes is
refused: tabs, anchors, tags, repeated keys.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# The way to a value: keys, and positions in lists.
Location = tuple[str | int, ...]

_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
# Nothing that the job reads is as deep; libyaml's composer recurses without a limit.
_DEEPEST = 16


class InvalidYamlError(ValueError):
    """The text cannot be used; `allowed` is a sentence that says what is allowed."""

    def __init__(self, what: str, *, line: int, allowed: str, location: Location = ()) -> None:
        super().__init__(what)
        self.line = line
        self.allowed = allowed
        self.location = location


@dataclass(frozen=True)
class Document:
    """A value made of mappings, lists, texts, booleans and None; lines count from 1.

    A number is kept as its text, because no setting of a table is a number.
    """

    value: object
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int:
        """The line of this value, or of the nearest one around it."""
        while location not in self.lines:
            location = location[:-1]
        return self.lines[location]


class _Loader(yaml.CSafeLoader):
    """Resolves only the booleans and null of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_Loader.add_implicit_resolver(_BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")
_Loader.add_implicit_resolver(_NULL, re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


def parse(text: str) -> Document:
    """The one document of this text; its value is None where there is none.

    Raises InvalidYamlError.
    """
    _refuse_tabs(text)
    try:
        _refuse_features(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes.
        line = text.encode()[: error.position].count(b"\n") + 1
        raise InvalidYamlError(
            f"it has the character {error.character:#06x}",
            line=line,
            allowed="Control characters are not allowed.",
        ) from None
    except yaml.MarkedYAMLError as error:
        raise InvalidYamlError(
            f"it is not YAML: {str(error.problem).removeprefix('but ')}",
            # What is missing at the end is missing on the last line.
            line=min(_line(error.problem_mark), len(text.splitlines())),
            allowed="docs/tables.md has examples.",
        ) from None
    lines: dict[Location, int] = {(): 1}
    return Document(_plain(root, (), lines) if root else None, lines)


def _line(mark: Any) -> int:
    """The number of a mark's line; libyaml counts from 0."""
    return int(mark.line) + 1


def _refuse_tabs(text: str) -> None:
    before, tab, _ = text.partition("\t")
    if tab:
        raise InvalidYamlError(
            "it has a tab", line=before.count("\n") + 1, allowed="Indent with spaces."
        )


def _refuse_features(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        refused = None
        if getattr(event, "anchor", None):
            refused = "it has an anchor or an alias (& or *)"
        elif getattr(event, "tag", None):
            refused = "it has a tag (!)"
        elif depth > _DEEPEST:
            refused = f"it is nested more than {_DEEPEST} levels deep"
        if refused:
            raise InvalidYamlError(
                refused,
                line=_line(event.start_mark),
                allowed="Use mappings, lists and texts; quote a text that begins with &, * or !.",
            )


def _plain(node: yaml.Node, location: Location, lines: dict[Location, int]) -> object:
    """The node's value; notes the lines of all that is in it."""
    lines.setdefault(location, _line(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, location, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*location, n), lines) for n, item in enumerate(node.value)]
    if node.tag == _BOOL:
        return node.value.lower() == "true"
    return None if node.tag == _NULL else node.value


def _mapping(
    node: yaml.MappingNode, location: Location, lines: dict[Location, int]
) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in node.value:
        line = _line(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            raise InvalidYamlError(
                "a key is a list or a mapping", line=line, allowed="A key must be a text.",
                location=location,
            )  # fmt: skip
        if key.value in found:
            raise InvalidYamlError(
                f"the key {key.value!r} is repeated", line=line,
                allowed="Write each key only once.", location=location,
            )  # fmt: skip
        lines[*location, key.value] = line
        found[key.value] = _plain(value, (*location, key.value), lines)
    return found
