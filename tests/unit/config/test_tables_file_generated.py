"""Whatever stands in the file of table definitions: definitions, or one clear sentence."""

import json
import re
from typing import Any

import jsonschema
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etl_sales_target.config import tables_file
from etl_sales_target.core.definitions import MonthOfDate, TableDefinition, YearAndMonth
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName, column_name_fault

SCHEMA = json.loads(tables_file.SCHEMA.read_text())
KEYS = list(SCHEMA["definitions"]["table"]["properties"])


def read(text: str) -> list[TableDefinition] | ConfigurationError:
    """What the job makes of this text."""
    try:
        return tables_file.definitions(text, file="t.yaml")
    except ConfigurationError as e:
        error = e
    assert re.fullmatch(r"t\.yaml, line \d+(, table .+)?: [^\n]+\.", error.message)
    assert error.remedy
    return error


# Pieces that together are now and then a file, and more often nearly one.
fragments = st.sampled_from(
    ["tables:", "  - ", "source: A.B", "target: c.d", "\n", "    ", "columns: [", "]", "id", ",",
     "{", "}", "&a", "*a", "!!str ", "'", '"', "#", "? ", ": ", "- ", "---\n", "\t", "%", "\\"]
)  # fmt: skip


@given(st.text() | st.lists(fragments).map("".join))
def test_any_text(text: str) -> None:
    read(text)


scalars = st.sampled_from(["id", "a b", "A.B", "c.d", "x" * 64, "", "1", True, None])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["year", "month", "date", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)
tables = st.fixed_dictionaries(
    {"source": st.just("A.B") | values, "target": st.just("c.d") | values},
    optional=dict.fromkeys([*KEYS[2:], "x"], values),
)
files = st.fixed_dictionaries({"tables": st.lists(tables | values, max_size=2) | values}) | values


@given(files)
def test_any_value_and_a_second_library_on_the_schema(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    accepted = jsonschema.Draft7Validator(SCHEMA).is_valid(value)
    found = read("\n".join(text.splitlines()))

    # What the schema refuses, the job does; it refuses more than a schema can.
    assert accepted or isinstance(found, ConfigurationError)
    if accepted and isinstance(found, ConfigurationError):
        assert "cannot be" not in found.message
        assert "cannot have" not in found.message


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


names = (
    st.from_regex(r"[a-z_][a-z0-9_$#]{0,20}", fullmatch=True)
    | st.sampled_from(["no", "on", "null", "true", "y", "_", "select", "x" * 55])
).filter(lambda name: column_name_fault(name) is None)


@st.composite
def definitions(draw: st.DrawFn) -> TableDefinition:
    columns = draw(st.lists(names, unique=True, min_size=3, max_size=6))
    loaded, filled = columns[:-1], columns[-1:]
    period = draw(
        st.sampled_from([None, YearAndMonth(loaded[0], loaded[1]), MonthOfDate(loaded[0])])
    )
    return TableDefinition(
        source=TableName(draw(names), draw(names)),
        target=TableName(draw(names), draw(names)),
        columns=tuple(loaded) if draw(st.booleans()) else None,
        period=period,
        key=tuple(loaded[: draw(st.integers(0, 2))]),
        history=draw(st.booleans()),
        load_columns=tuple(filled[: draw(st.integers(0, 1))]),
    )


def written(definition: TableDefinition) -> dict[str, Any]:
    """A definition as somebody writes it, with source and columns in upper case."""
    entry: dict[str, Any] = {
        "source": str(definition.source).upper(),
        "target": str(definition.target),
        "key": [name.upper() for name in definition.key],
        "history": definition.history,
        "load_columns": list(definition.load_columns),
    }
    if definition.columns is not None:
        entry["columns"] = [name.upper() for name in definition.columns]
    if definition.period is not None:
        entry["period"] = dict(vars(definition.period))
    return entry


def clash(found: list[TableDefinition]) -> bool:
    targets = [definition.target for definition in found]
    histories = {definition.target.history for definition in found if definition.history}
    return len({*targets}) < len(targets) or not histories.isdisjoint(targets)


@given(st.lists(definitions(), min_size=1, max_size=3), st.booleans())
def test_what_is_written_is_read(wanted: list[TableDefinition], flow: bool) -> None:
    text = yaml.safe_dump(
        {"tables": [written(definition) for definition in wanted]}, default_flow_style=flow
    )
    found = read(text)

    assert isinstance(found, ConfigurationError) if clash(wanted) else found == wanted
