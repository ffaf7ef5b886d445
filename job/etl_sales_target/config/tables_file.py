"""The file of table definitions, `ETL_TABLES_FILE`: docs/tables.md explains its form.

`tables.schema.json` says what each value can be; rules about several values are checked here.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from etl_sales_target.config.yaml_document import Document, InvalidYamlError, Location, parse
from etl_sales_target.core.definitions import MonthOfDate, TableDefinition, YearAndMonth
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import (
    LEDGER_TABLES,
    TableName,
    column_name_fault,
    table_name,
    target_name,
)

SCHEMA = Path(__file__).with_name("tables.schema.json")

_MOST_BYTES = 1 << 20
_LONGEST_SHOWN = 60


class _MistakeError(ValueError):
    """What is wrong with the value at this location, and a sentence that says what is allowed."""

    def __init__(self, location: Location, what: str, *, allowed: str) -> None:
        super().__init__(what)
        self.location = location
        self.allowed = allowed


def read(path: Path) -> list[TableDefinition]:
    """The definitions in this file, in its order.

    Raises ConfigurationError, naming the file, the line and the table, for the first mistake.
    """
    return definitions(_text(path), file=str(path))


def definitions(text: str, *, file: str) -> list[TableDefinition]:
    """The definitions in this text; `file` is the name of its file, for messages."""
    try:
        document = parse(text)
    except InvalidYamlError as error:
        place = f"{file}, line {error.line}{_table(error.location, None)}"
        raise ConfigurationError(f"{place}: {error}.", remedy=error.allowed) from None
    try:
        return _checked(document)
    except _MistakeError as error:
        place = f"{file}, line {document.line(error.location)}"
        place += _table(error.location, document.value)
        raise ConfigurationError(f"{place}: {error}.", remedy=error.allowed) from None


def _text(path: Path) -> str:
    remedy = "ETL_TABLES_FILE is a file of UTF-8 text of at most 1 MiB that this user can read."
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{path} cannot be read: {reason}.", remedy=remedy) from error
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{path} has more than 1 MiB.", remedy=remedy)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}, line {line}: it is not UTF-8.", remedy=remedy) from None


def _table(location: Location, value: Any) -> str:
    """The table that a location is in: by its target if that is a text, else by its number."""
    match location:
        case ("tables", int(position), *_):
            try:
                target = value["tables"][position]["target"]
            except (KeyError, TypeError):
                target = None
            named = isinstance(target, str) and 0 < len(target) <= _LONGEST_SHOWN
            return f", table {target if named else f'number {position + 1}'}"
        case _:
            return ""


def _checked(document: Document) -> list[TableDefinition]:
    _check_form(document.value)
    value: Any = document.value
    found = [_definition(entry) for entry in value["tables"]]
    _check_targets(found)
    for position, definition in enumerate(found):
        _check_columns(definition, ("tables", position))
    return found


# Form -------------------------------------------------------------------------------------------


@cache
def _validator() -> Callable[[Any], Any]:
    validator: Callable[[Any], Any] = fastjsonschema.compile(json.loads(SCHEMA.read_text("utf-8")))
    return validator


def _check_form(value: object) -> None:
    try:
        _validator()(value)
    except fastjsonschema.JsonSchemaValueException as error:
        location = tuple(int(part) if part.isdecimal() else part for part in error.path[1:])
        _refuse_unknown_keys(error.value, error.definition, location)
        raise _MistakeError(
            location, _complaint(error, location), allowed=error.definition["description"]
        ) from None


def _complaint(error: fastjsonschema.JsonSchemaValueException, location: Location) -> str:
    if error.rule == "required":
        return f"{next(key for key in error.rule_definition if key not in error.value)} is missing"
    match location:
        case (*_, str(key), int()):
            return f"{key} cannot have {_shown(error.value)}"
        case (*_, str(key)):
            return f"{key} cannot be {_shown(error.value)}"
        case _:
            return f"the file cannot be {_shown(error.value)}"


def _refuse_unknown_keys(value: object, definition: dict[str, Any], location: Location) -> None:
    """A misspelled key causes whatever else is wrong with its mapping."""
    known = definition.get("properties")
    if known is None or not isinstance(value, dict):
        return
    for key in value.keys() - known.keys():
        near = difflib.get_close_matches(key.lower(), known, n=1)
        raise _MistakeError(
            (*location, key),
            f"the key {_shown(key)} is unknown",
            allowed=f"Did you mean {near[0]}?" if near else f"The keys are {', '.join(known)}.",
        )


def _shown(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str() if len(value) > _LONGEST_SHOWN:
            return f"{value[:_LONGEST_SHOWN]!r}…"
        case str():
            return repr(value)
        case dict():
            return "{" + ", ".join(map(str, value)) + "}" if value else "an empty mapping"
        case _:
            return "a list" if value else "an empty list"


# Meaning ----------------------------------------------------------------------------------------


def _definition(entry: dict[str, Any]) -> TableDefinition:
    columns, period = entry.get("columns"), entry.get("period")
    return TableDefinition(
        source=table_name(entry["source"]),
        target=target_name(entry["target"]),
        columns=None if columns is None else _folded(columns),
        period=None if period is None else _period(period),
        key=_folded(entry.get("key", ())),
        history=entry.get("history", True),
        load_columns=_folded(entry.get("load_columns", ())),
    )


def _folded(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _period(entry: dict[str, str]) -> YearAndMonth | MonthOfDate:
    if "date" in entry:
        return MonthOfDate(date=entry["date"].lower())
    return YearAndMonth(year=entry["year"].lower(), month=entry["month"].lower())


def _check_targets(found: list[TableDefinition]) -> None:
    """Refuses a target that another definition or the job itself writes, or that is reserved."""
    targets: dict[TableName, int] = {}
    histories = {each.target.history: each.target for each in found if each.history}
    for position, target in enumerate(each.target for each in found):
        location: Location = ("tables", position, "target")
        if target in targets:
            raise _MistakeError(
                location,
                f"{target} is already the target of table number {targets[target] + 1}",
                allowed="Each target has one source; names that differ only in case are the same.",
            )
        if target in histories:
            raise _MistakeError(
                location,
                f"{target} is reserved for the change history of {histories[target]}",
                allowed=f"Choose another target, or set history: false for {histories[target]}.",
            )
        if target.name in LEDGER_TABLES:
            raise _MistakeError(
                location,
                f"{target} is a table of the job's own ledger",
                allowed=f"A target can have any name but {' and '.join(LEDGER_TABLES)}.",
            )
        targets[target] = position


def _check_columns(definition: TableDefinition, table: Location) -> None:
    for location, name in _loaded(definition, table):
        if fault := column_name_fault(name):
            raise _MistakeError(
                location, f"the column {name} {fault}", allowed="Leave it out of the columns."
            )
    for list_name in ("columns", "key", "load_columns"):
        _refuse_repeats(getattr(definition, list_name) or (), (*table, list_name))
    if isinstance(definition.period, YearAndMonth):
        _refuse_repeats(definition.period.columns, (*table, "period"))
    if definition.columns is not None:
        _check_references(definition, table)


def _loaded(definition: TableDefinition, table: Location) -> Iterator[tuple[Location, str]]:
    """The names of the columns that the definition loads or relies on, each with its location."""
    for list_name in ("columns", "key"):
        for position, name in enumerate(getattr(definition, list_name) or ()):
            yield (*table, list_name, position), name
    yield from _period_columns(definition, table)


def _period_columns(definition: TableDefinition, table: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(definition.period, MonthOfDate):
        yield (*table, "period", "date"), definition.period.date
    elif definition.period:
        yield (*table, "period", "year"), definition.period.year
        yield (*table, "period", "month"), definition.period.month


def _refuse_repeats(names: tuple[str, ...], location: Location) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise _MistakeError(
                (*location, position),
                f"{location[-1]} has the column {name} twice",
                allowed="List a column once; names that differ only in case are the same.",
            )


def _check_references(definition: TableDefinition, table: Location) -> None:
    columns = definition.columns or ()
    for location, name in _loaded(definition, table):
        if name not in columns:
            raise _MistakeError(
                location,
                f"the column {name} of {location[2]} is not in columns",
                allowed=f"The columns are {', '.join(columns)}.",
            )
    for position, name in enumerate(definition.load_columns):
        if name in columns:
            raise _MistakeError(
                (*table, "load_columns", position),
                f"the column {name} of load_columns is in columns too",
                allowed="A column is either loaded or filled by its default.",
            )
