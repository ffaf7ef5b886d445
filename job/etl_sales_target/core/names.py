"""Names of tables and columns: what they may look like, and which ones the target cannot have."""

import re
from dataclasses import dataclass

# PostgreSQL cuts names at 63 bytes, without an error.
COLUMN_NAME_BYTES = 63
# A target's name leaves room for the suffix of its change history.
TARGET_NAME_BYTES = 55

# The ledger's tables, in the schema of each target.
LEDGER_TABLES = ("etl_sales_target_runs", "etl_sales_target_periods")

# Regular expressions that JSON Schema knows too.
IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$#]*"
TARGET_IDENTIFIER = rf"[A-Za-z_][A-Za-z0-9_$#]{{0,{TARGET_NAME_BYTES - 1}}}"

_COLUMN = re.compile(IDENTIFIER)
_TABLE = re.compile(rf"({IDENTIFIER})\.({IDENTIFIER})")
_HISTORY_SUFFIX = "_changes"
_HISTORY_PREFIX = "change_"
# PostgreSQL's documentation, "System Columns".
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


@dataclass(frozen=True)
class TableName:
    """A table's schema (in Oracle: owner) and name, in lower case: both databases fold it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def history(self) -> "TableName":
        """The name of this target's change history."""
        return TableName(self.schema, f"{self.name}{_HISTORY_SUFFIX}")


def table_name(text: str) -> TableName:
    """The table that `SCHEMA.TABLE` names, in any case. Raises ValueError, saying why."""
    match = _TABLE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not SCHEMA.TABLE in letters, digits, '_', '$' and '#'")
    return TableName(schema=match[1].lower(), name=match[2].lower())


def target_name(text: str) -> TableName:
    """The same for a target, whose names must be shorter. Raises ValueError, saying why."""
    name = table_name(text)
    for part in (name.schema, name.name):
        if len(part) > TARGET_NAME_BYTES:
            raise ValueError(f"{part!r} has more than {TARGET_NAME_BYTES} bytes")
    return name


def column_name_fault(name: str) -> str | None:
    """Why the target cannot have a column of this name, in lower case; None if it can.

    The answer continues a sentence that begins with the column's name.
    """
    if not _COLUMN.fullmatch(name):
        return "is not a name of letters, digits, '_', '$' and '#' that begins with a letter or '_'"
    if len(name) > COLUMN_NAME_BYTES:
        return f"has more than {COLUMN_NAME_BYTES} bytes, the most that PostgreSQL keeps of a name"
    if name in _SYSTEM_COLUMNS:
        return "has the name of a column that PostgreSQL itself adds to every table"
    if name.startswith(_HISTORY_PREFIX):
        return f"begins with {_HISTORY_PREFIX}, which is reserved for the change history"
    return None
