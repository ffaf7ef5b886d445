"""The functions that the stand-in has, each as a rendering into PostgreSQL's SQL.

Most live in PostgreSQL as functions of the same name and behaviour in the schema
`oracle_standin` (see schema.sql). Anything that is not here is ORA-00904.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from oracle_standin.binds import literal
from oracle_standin.errors import OraError

SCHEMA = "oracle_standin"
_NUMBER_FORMATS = {"TM", "TM9"}
_MAX_HASH = 2**32 - 1
_MOST_ARGUMENTS = 100  # of a function in PostgreSQL
_INTEGER = re.compile(r"\(?(\d+)\)?::numeric")  # a literal or a bind
_GREGORIAN = "NLS_CALENDAR=GREGORIAN"
_POINT_AND_COMMA = "NLS_NUMERIC_CHARACTERS='.,'"
_DATE_FORMAT = re.compile(
    r"""(?:(?P<literal>"[^"\\]*")|S?YYYY|BC|MM|DD|HH24|MI|SS|FF[1-6]|Q|IYYY|IW|[-/.:,; ])""",
    re.IGNORECASE,
)

Arguments = Sequence[str]
Call = Callable[[Arguments, Sequence[exp.Expr]], str]


@dataclass(frozen=True)
class Function:
    """How many arguments it takes, and how a call of it reads."""

    fewest: int
    most: int
    render: Call


def _installed(name: str) -> Call:
    return lambda arguments, _: f"{SCHEMA}.{name}({', '.join(arguments)})"


def _coalesce(arguments: Arguments, _: Sequence[exp.Expr]) -> str:
    return f"coalesce({', '.join(arguments)})"


def text(value: str) -> str:
    """As the text that Oracle converts it to, the blanks of a CHAR included."""
    return f"{SCHEMA}.to_char({value})"


def concat(arguments: Arguments, _: Sequence[exp.Expr] = ()) -> str:
    """NULL is an empty text in it, an empty answer NULL, and a long one an error."""
    texts = [text(argument) for argument in arguments]
    parts = [
        f"pg_catalog.concat({', '.join(texts[start : start + _MOST_ARGUMENTS])})"
        for start in range(0, len(texts), _MOST_ARGUMENTS)
    ]
    return f"{SCHEMA}.joined({' || '.join(parts)})"


def divide(arguments: Arguments) -> str:
    """PostgreSQL's own operator gives about twenty digits only."""
    return f"{SCHEMA}.divide({', '.join(arguments)})"


def _ora_hash(arguments: Arguments, _: Sequence[exp.Expr]) -> str:
    hashed, *numbers = arguments
    bucket_and_seed = [str(_MAX_HASH), "0"]
    for position, number in enumerate(numbers):
        constant = _INTEGER.fullmatch(number)
        if constant is None or int(constant[1]) > _MAX_HASH:
            raise OraError(1428, f"argument '{number}' is out of range")
        bucket_and_seed[position] = constant[1]
    return f"{SCHEMA}.ora_hash({hashed}, {', '.join(bucket_and_seed)})"


def _nvl2(arguments: Arguments, _: Sequence[exp.Expr]) -> str:
    given, present, absent = arguments
    return f"CASE WHEN {given} IS NOT NULL THEN {present} ELSE {absent} END"


def _decode(arguments: Arguments, _: Sequence[exp.Expr]) -> str:
    """In DECODE, unlike in CASE, NULL equals NULL."""
    given, *rest = arguments
    default = rest.pop() if len(rest) % 2 else "NULL"
    branches = " ".join(
        f"WHEN {given} IS NOT DISTINCT FROM {key} THEN {value}"
        for key, value in zip(rest[::2], rest[1::2], strict=True)
    )
    return f"CASE {branches} ELSE {default} END"


def _extreme(name: str) -> Call:
    """GREATEST and LEAST are NULL as soon as one argument is, in Oracle only."""

    def render(arguments: Arguments, _: Sequence[exp.Expr]) -> str:
        present = " AND ".join(f"{argument} IS NOT NULL" for argument in arguments)
        return f"CASE WHEN {present} THEN {name}({', '.join(arguments)}) END"

    return render


def _to_char(arguments: Arguments, nodes: Sequence[exp.Expr]) -> str:
    if len(nodes) == 1:
        return text(arguments[0])
    template = _text(nodes[1])
    if template.upper() in _NUMBER_FORMATS:
        if len(nodes) == 3 and _text(nodes[2]).replace(" ", "").upper() != _POINT_AND_COMMA:
            raise OraError(12702, "invalid NLS parameter string used in SQL function")
        return f"{SCHEMA}.to_char_tm9({arguments[0]})"
    if len(nodes) == 3 and _text(nodes[2]).replace(" ", "").upper() != _GREGORIAN:
        raise OraError(12702, "invalid NLS parameter string used in SQL function")
    elements = _date_format(template)
    ad, bc = (literal("".join(elements).replace("SYYYY", f'"{sign}"YYYY')) for sign in " -")
    return f"{SCHEMA}.to_char(({arguments[0]})::timestamp, {ad}, {bc})"


def _to_date(arguments: Arguments, nodes: Sequence[exp.Expr]) -> str:
    elements = _date_format(_text(nodes[1]))
    if not {"SYYYY", "BC"}.isdisjoint(elements):
        raise OraError(1821, "the stand-in understands SYYYY and BC in TO_CHAR only")
    return f"{SCHEMA}.to_date({arguments[0]}, {literal(''.join(elements))})"


def _trunc(arguments: Arguments, nodes: Sequence[exp.Expr]) -> str:
    """Of a number, or of a date to its month."""
    if len(nodes) == 2 and isinstance(nodes[1], exp.Literal) and nodes[1].is_string:
        if str(nodes[1].this).upper() != "MM":
            raise OraError(1898, "too many precision specifiers")
        return f"{SCHEMA}.month({arguments[0]})"
    return _installed("trunc")(arguments, nodes)


def _date_format(template: str) -> Sequence[str]:
    """Its elements; both databases write `"T"` for a T that stands for itself."""
    elements = list(_DATE_FORMAT.finditer(template))
    if not template or "".join(element[0] for element in elements) != template:
        raise OraError(1821)
    return [element["literal"] or element[0].upper() for element in elements]


def extract(unit: str, value: str) -> str:
    """EXTRACT of the parts that a DATE has; a year before the year 1 is negative."""
    if unit == "YEAR":
        return f"{SCHEMA}.year({value})"
    if unit in ("MONTH", "DAY"):
        return f"extract({unit.lower()} FROM {value})"
    raise OraError(3001, f"unimplemented feature: EXTRACT({unit})")


def _text(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    raise OraError(1821, "the stand-in understands formats as literals only")


_FUNCTIONS: dict[str, Function] = {
    "ABS": Function(1, 1, _installed("abs")),
    "BITAND": Function(2, 2, _installed("bitand")),
    "CEIL": Function(1, 1, _installed("ceil")),
    "COALESCE": Function(2, 100, _coalesce),
    "CONCAT": Function(2, 2, concat),
    "DECODE": Function(3, 255, _decode),
    "FLOOR": Function(1, 1, _installed("floor")),
    "GREATEST": Function(1, 100, _extreme("greatest")),
    "LEAST": Function(1, 100, _extreme("least")),
    "LENGTH": Function(1, 1, _installed("length")),
    "LENGTH4": Function(1, 1, _installed("length")),
    "LOWER": Function(1, 1, _installed("lower")),
    "MOD": Function(2, 2, _installed("mod")),
    "NULLIF": Function(2, 2, lambda arguments, _: f"nullif({', '.join(arguments)})"),
    "NVL": Function(2, 2, _coalesce),
    "NVL2": Function(3, 3, _nvl2),
    "ORA_HASH": Function(1, 3, _ora_hash),
    "POWER": Function(2, 2, _installed("power")),
    "ROUND": Function(1, 2, _installed("round")),
    "SIGN": Function(1, 1, _installed("sign")),
    "SUBSTR": Function(2, 3, _installed("substr")),
    "TO_CHAR": Function(1, 3, _to_char),
    "TO_DATE": Function(2, 2, _to_date),
    "TO_NUMBER": Function(1, 1, _installed("to_number")),
    "TRIM": Function(1, 1, _installed("trim")),
    "TRUNC": Function(1, 2, _trunc),
    "UPPER": Function(1, 1, _installed("upper")),
}

# These answer with one of several arguments.
MIXING = frozenset({"COALESCE", "DECODE", "GREATEST", "LEAST", "NVL", "NVL2"})

AGGREGATES = frozenset({"COUNT", "SUM", "MIN", "MAX", "AVG"})


def aggregate(name: str, argument: str) -> str:
    """`argument` may begin with DISTINCT."""
    if name == "AVG":
        return divide([f"SUM({argument})", f"COUNT({argument})"])
    return f"{name}({argument})"


def call(name: str, arguments: Arguments, nodes: Sequence[exp.Expr]) -> str:
    """The call of a function that is no aggregate."""
    function = _FUNCTIONS.get(name)
    if function is None:
        raise OraError(904, f'"{name}": invalid identifier')
    if not function.fewest <= len(nodes) <= function.most:
        if len(nodes) < function.fewest:
            raise OraError(938, f"not enough arguments for function {name}")
        raise OraError(939, f"too many arguments for function {name}")
    return function.render(arguments, nodes)
