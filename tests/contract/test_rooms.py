"""Imports point one way, and each driver stays in its room: docs/architecture.md has the table."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

JOB = Path(__file__).parents[2] / "job" / "etl_sales_target"
PACKAGE = JOB.name

BELOW = {
    "core": {"core"},
    "runtime": {"core", "runtime"},
    "config": {"core", "config"},
    "oracle": {"core", "runtime", "oracle"},
    "postgres": {"core", "runtime", "postgres"},
    "reporting": {"core", "runtime", "reporting"},
    "load": {"core", "runtime", "oracle", "postgres"},
}
MAY_SEE_SETTINGS = {"config", "services", "run", "commands", "cli"}
DRIVERS = {"oracledb": {"oracle"}, "psycopg": {"postgres"}}
# What a run may not need at all: commands, reporting, and the bar on a terminal.
MAY_IMPORT_LATE = {"cli.py", "services.py", "logs.py", "progress.py"}

MODULES = sorted(JOB.rglob("*.py"))
ALL = pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(JOB)))


def room(module: Path) -> str:
    """The package that a module is in, or its own name at the top of the tree."""
    return module.relative_to(JOB).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names of everything that is imported, wherever it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(module: Path) -> set[str]:
    names = [name.split(".") for name in imports(ast.parse(module.read_text()))]
    return {parts[1] for parts in names if parts[0] == PACKAGE and not parts[1].startswith("__")}


@ALL
def test_imports_point_one_way(module: Path) -> None:
    allowed = BELOW.get(room(module))

    if allowed is not None:
        assert rooms_imported(module) <= allowed


@ALL
def test_only_the_outermost_rooms_see_the_settings(module: Path) -> None:
    if room(module) not in MAY_SEE_SETTINGS:
        assert "config" not in rooms_imported(module)


@ALL
def test_a_driver_is_imported_in_its_room_alone(module: Path) -> None:
    imported = {name.split(".")[0] for name in imports(ast.parse(module.read_text()))}

    for driver in imported & DRIVERS.keys():
        assert room(module) in DRIVERS[driver]


@ALL
def test_imports_stand_at_the_top_but_for_what_is_loaded_late(module: Path) -> None:
    functions = (
        node
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    late = [name for function in functions for name in imports(function)]

    assert not late or module.name in MAY_IMPORT_LATE


def test_every_room_is_in_the_table() -> None:
    found = {room(module) for module in MODULES}

    assert found == BELOW.keys() | MAY_SEE_SETTINGS | {"__init__", "__main__"}
