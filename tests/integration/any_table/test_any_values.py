"""Generated values of each type go through the real driver and COPY, and arrive as they were."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.any_table import AnyTables, insert
from support.inprocess import load
from support.strategies import civil_times, numbers, texts

# Each column with its type in the stand-in's tables, the type that Oracle calls it by, and values.
COLUMNS = {
    "n": ("numeric", "NUMBER", numbers()),
    "money": ("numeric(9,2)", "NUMBER(9,2)", st.decimals(-9999999, 9999999, places=2)),
    "hundreds": (
        "numeric(5,-2)",
        "NUMBER(5,-2)",
        st.integers(-99999, 99999).map(lambda n: n * 100),
    ),
    "f": ("oracle_standin.float", "FLOAT(126)", numbers(digits=30, least=-100)),
    "v": ("varchar(4000)", "VARCHAR2(4000)", texts(most_bytes=4000)),
    "nv": ("oracle_standin.nvarchar2", "NVARCHAR2(2000)", texts(most_bytes=4000, national=True)),
    "c": ("character(5)", "CHAR(5)", texts(most_bytes=20, most_characters=5)),
    "nc": ("oracle_standin.nchar_4", "NCHAR(4)", texts(most_bytes=8, national=True)),
    "d": ("timestamp(0)", "DATE", civil_times(0)),
    "t0": ("oracle_standin.timestamp_0", "TIMESTAMP(0)", civil_times(0)),
    **{f"t{p}": (f"timestamp({p})", f"TIMESTAMP({p})", civil_times(p)) for p in range(1, 7)},
}
TABLE = ", ".join(f"{name} {own}" for name, (own, _, _) in COLUMNS.items())
rows = st.lists(
    st.tuples(*(st.none() | values for _, _, values in COLUMNS.values())), min_size=1, max_size=12
)


@pytest.mark.parametrize("tables", ["19c", "23ai"], indirect=True)
def test_each_value_arrives_as_it_was(tables: AnyTables) -> None:
    tables.behind.execute("CREATE DOMAIN oracle_standin.nchar_4 AS character(4)")
    tables.behind.execute(f"CREATE TABLE apps.anything ({TABLE})")
    tables.define({"source": "apps.anything", "target": "mb.anything"})
    assert [line.split()[1] for line in _described(tables)] == [
        oracle for _, oracle, _ in COLUMNS.values()
    ]
    source = psycopg.connect(tables.behind.url, autocommit=True)

    @given(rows)
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def arrive(values: list[tuple[object, ...]]) -> None:
        with source.transaction():
            source.execute("DELETE FROM apps.anything")
            insert(source, "apps.anything", values)

        load(tables.job.environ)

        assert tables.target_rows("mb.anything") == tables.source_rows("apps.anything")

    with source:
        arrive()
    assert load(tables.job.environ).periods["unchanged"] == 1
    assert tables.job("verify", "--rows").exit_code == 0


def _described(tables: AnyTables) -> list[str]:
    """The lines of `tables` that are about columns."""
    printed = tables.job("tables")
    assert printed.exit_code == 0, printed.stderr
    lines = printed.stdout.rstrip().splitlines()
    return lines[[line.startswith("---") for line in lines].index(True) + 1 :]
