"""The tables that are measured: what is in them, and how the job is told of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg

from demo.databases import FIRST_YEAR, fill_source

PERIODS = 60


@dataclass(frozen=True)
class MeasuredTable:
    """A source table and its target.

    `fill` makes the source at a URL, with so many rows. `types` are the columns as PostgreSQL has
    them; `values` are the same as texts, which are equal only where the values are. `edit` changes
    one row. `definition` is the text of a tables file; None: the job's built-in table.
    """

    name: str
    source: str
    target: str
    fill: Callable[[str, int], None]
    types: str
    values: str
    edit: str
    definition: str | None = None


_SALES = "apps.khs_customers_trx_targets"

# What floats and DECIMAL(38, 9) cannot hold.
_HARD_AMOUNT = """
CASE id / 1000 % 4
    WHEN 0 THEN 9007199254740993
    WHEN 1 THEN 12345678901234567890.123456789012345678
    WHEN 2 THEN 0.1234567890123456789
    ELSE -1e-20
END
"""


def _fill_sales(url: str, rows: int) -> None:
    fill_source(url, rows, PERIODS)
    _execute(url, f"UPDATE {_SALES} SET target_amount = {_HARD_AMOUNT} WHERE id % 1000 = 0")


SALES_TARGET = MeasuredTable(
    name="sales target",
    source=_SALES,
    target="mb.sales_target",
    fill=_fill_sales,
    types="id numeric, product_id numeric, target_month numeric, target_year numeric, "
    "target_amount numeric",
    values="trim_scale(id::numeric), trim_scale(product_id::numeric), "
    "trim_scale(target_month::numeric), trim_scale(target_year::numeric), "
    "coalesce(trim_scale(target_amount::numeric)::text, 'NULL')",
    edit=f"UPDATE {_SALES} SET target_amount = coalesce(target_amount, 0) + 1 WHERE id = 1",
)

# Months follow each other as the rows do. One amount in a hundred and one note in fifty are NULL;
# one amount in a thousand is hard to keep, and one name in ten thousand has characters that COPY
# must escape.
_FILL_MIXED = """
INSERT INTO {source}
SELECT
    id,
    CASE
        WHEN id % 1000 = 0 THEN {hard_amount}
        WHEN id % 100 <> 0 THEN round(id * 48271 % 2147483647 / 10000.0, 2)
    END,
    CASE
        WHEN id % 10000 = 0 THEN E'tab\\there\\\\\\n"é" 😀'
        ELSE rpad('customer ' || id, {length}, '.')
    END,
    CASE WHEN id % 50 <> 0 THEN left(repeat(md5(id::text), 3), {length}) END,
    date '{first_year}-01-01' + interval '1 month' * ((id - 1) * {periods} / {rows})
        + interval '1 second' * (id * 7919 % 2419200)
FROM generate_series(1, {rows}::bigint) AS id
"""


def _fill_mixed(source: str, types: str, length: int, url: str, rows: int) -> None:
    _execute(url, "CREATE SCHEMA apps")
    _execute(url, f"CREATE TABLE {source} ({types})")
    _execute(
        url,
        _FILL_MIXED.format(
            source=source,
            hard_amount=_HARD_AMOUNT,
            length=length,
            first_year=FIRST_YEAR,
            periods=PERIODS,
            rows=rows,
        ),
    )


def _mixed(name: str, length: int) -> MeasuredTable:
    """Two NUMBERs, two VARCHAR2s of this length, and a DATE, whose months are the periods."""
    source, target = f"apps.{name}", f"mb.{name}"
    types = (
        f"id numeric, amount numeric, customer varchar({length}), note varchar({length}), "
        "ordered_on timestamp(0)"
    )
    return MeasuredTable(
        name=name,
        source=source,
        target=target,
        fill=partial(_fill_mixed, source, types, length),
        types=types,
        values="trim_scale(id), coalesce(trim_scale(amount)::text, 'NULL'), customer, "
        "coalesce(note, 'NULL'), ordered_on",
        edit=f"UPDATE {source} SET amount = coalesce(amount, 0) + 1 WHERE id = 1",
        definition=f"tables: [{{source: {source}, target: {target}, period: "
        "{date: ordered_on}, key: [id]}]",
    )


MIXED = _mixed("mixed", 20)
# About 200 bytes a row.
WIDE = _mixed("wide", 85)


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
