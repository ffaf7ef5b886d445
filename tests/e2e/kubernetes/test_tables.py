"""Several tables, each in a pod of its own."""

from support.e2e.airflow_process import Trigger
from support.e2e.cluster import Cluster
from support.e2e.release import Install
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase


def test_the_tables_of_the_values_are_loaded(
    install: Install,
    trigger: Trigger,
    cluster: Cluster,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    small_source.execute("CREATE TABLE apps.codes (code varchar(9), valid_from timestamp(0))")
    small_source.execute("INSERT INTO apps.codes VALUES ('a\tb', '0012-03-01 23:59:59')")
    period = {"year": "target_year", "month": "target_month"}
    install(
        settings={"ETL_RETRY_BUDGET_SECONDS": 0},
        tables=[
            {"source": small_source.table, "target": "mb.sales_target", "period": period},
            {"source": "APPS.CODES", "target": "mb.codes"},
        ],
    )
    with cluster.watched_pods() as watched:
        done = trigger()
    assert done.tables == {"mb.sales_target": "success", "mb.codes": "success"}, done.log
    assert len(watched.seen) == 2
    assert target.rows() == small_source.rows()
    assert target.query("SELECT code, valid_from::text FROM mb.codes") == [
        ("a\tb", "0012-03-01 23:59:59")
    ]

    small_source.execute("INSERT INTO apps.codes VALUES ('c', '2024-03-01')")
    assert trigger(tables=["mb.codes"]).tables == {"mb.codes": "success"}
    assert target.query("SELECT count(*) FROM mb.codes") == [(2,)]


def test_a_table_that_fails_fails_alone(
    install: Install, trigger: Trigger, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    small_source.execute("CREATE TABLE apps.codes (code varchar(9))")
    small_source.execute("INSERT INTO apps.codes VALUES ('a')")
    install(
        settings={"ETL_RETRY_BUDGET_SECONDS": 0},
        tables=[
            {"source": "APPS.CODES", "target": "mb.codes"},
            {"source": "APPS.MISSING", "target": "mb.missing"},
            {"source": small_source.table, "target": "mb.sales_target"},
        ],
    )
    done = trigger()
    assert done.tables == {
        "mb.codes": "success",
        "mb.missing": "failed",
        "mb.sales_target": "success",
    }
    assert "Not retried: something needed is missing." in done.log
    assert target.query("SELECT count(*) FROM mb.codes") == [(1,)]
    assert len(target.rows()) == 24
