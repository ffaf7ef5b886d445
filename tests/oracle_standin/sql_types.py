"""Of which kind a statement is, as a number."""

import re

# By the first word. Recorded from 23ai: 1, 2, 3 and 12; the others
# are those of V$SQL.COMMAND_TYPE, which agree with them.
_SQL_TYPES = {
    "create": 1,
    "insert": 2,
    "select": 3,
    "with": 3,
    "update": 6,
    "delete": 7,
    "drop": 12,
    "alter": 42,
    "commit": 44,
    "rollback": 45,
    "begin": 47,
    "declare": 47,
    "set": 48,
}


def sql_type(sql: str) -> int:
    """The number of a statement's kind, 0 where it is not known.

    >>> sql_type("SELECT 1 FROM dual"), sql_type("(select 1 from dual)"), sql_type("?")
    (3, 3, 0)
    """
    word = re.match(r"[\s(]*(\w*)", sql)
    return _SQL_TYPES.get(word[1].lower(), 0) if word else 0
