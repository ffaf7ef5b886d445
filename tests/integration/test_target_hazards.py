"""A target in which a load would harm something is refused by name, before a row is touched."""

import pytest

from oracle_standin import OracleStandin
from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

HAZARDS = {
    "a further column": (
        "ALTER TABLE mb.sales_target ADD note text DEFAULT 'kept by hand'",
        "column note is not loaded, and its values would be lost",
    ),
    "an identity column": (
        "ALTER TABLE mb.sales_target ADD row_id bigint GENERATED ALWAYS AS IDENTITY",
        "column row_id is not loaded",
    ),
    "a generated column of ours": (
        (
            "ALTER TABLE mb.sales_target DROP target_amount;"
            " ALTER TABLE mb.sales_target ADD target_amount numeric GENERATED ALWAYS AS (id) STORED"
        ),
        "column target_amount is generated",
    ),
    "a foreign key": (
        (
            "ALTER TABLE mb.sales_target ADD UNIQUE (id);"
            " CREATE TABLE mb.child (id numeric CONSTRAINT to_target"
            " REFERENCES mb.sales_target (id) ON DELETE CASCADE);"
            " INSERT INTO mb.child SELECT id FROM mb.sales_target"
        ),
        "foreign key to_target of mb.child points at it",
    ),
    "a child": (
        (
            "CREATE TABLE mb.child () INHERITS (mb.sales_target);"
            " INSERT INTO mb.child VALUES (99, 1, 1, 2024, 1)"
        ),
        "table mb.child inherits from it",
    ),
    "a rule": (
        "CREATE RULE keep AS ON DELETE TO mb.sales_target DO INSTEAD NOTHING",
        "rule keep rewrites statements on it",
    ),
    "a publication": (
        "CREATE PUBLICATION everything FOR ALL TABLES",
        "it has no replica identity, and publication everything publishes its deletes",
    ),
    "a view": (
        (
            "ALTER TABLE mb.sales_target RENAME TO stored;"
            " CREATE VIEW mb.sales_target AS SELECT * FROM mb.stored"
        ),
        "it is a view",
    ),
    "a materialized view": (
        (
            "ALTER TABLE mb.sales_target RENAME TO stored;"
            " CREATE MATERIALIZED VIEW mb.sales_target AS SELECT * FROM mb.stored"
        ),
        "it is a materialized view",
    ),
}


@pytest.fixture
def loaded(job: Job, small_source: SourceDatabase) -> SourceDatabase:
    """The source, loaded once and then edited in every period."""
    assert job("run").exit_code == 0
    small_source.execute("UPDATE {table} SET target_amount = id + 0.5")
    return small_source


@pytest.mark.parametrize(("statement", "said"), HAZARDS.values(), ids=HAZARDS)
def test_a_hazard_is_refused_by_name(
    job: Job,
    loaded: SourceDatabase,
    target: TargetDatabase,
    statement: str,
    said: str,
) -> None:
    target.execute(statement)
    before = target.query("SELECT * FROM mb.sales_target ORDER BY 1, 2, 3, 4, 5")

    check, result = job("check"), job("run")

    assert check.exit_code == 69
    assert said in check.stdout

    assert result.exit_code == 69, result.stderr
    assert said in result.failure["error"]
    assert result.failure["reason"] == "target_refused"
    assert result.failure["remedy"]
    assert target.query("SELECT * FROM mb.sales_target ORDER BY 1, 2, 3, 4, 5") == before


def test_a_foreign_partition_is_refused(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute(
        "ALTER TABLE mb.sales_target RENAME TO stored;"
        " CREATE TABLE mb.sales_target (LIKE mb.stored) PARTITION BY LIST (target_year);"
        " CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;"
        " CREATE FOREIGN TABLE mb.far PARTITION OF mb.sales_target FOR VALUES IN (1999) SERVER far"
    )

    result = job("run")

    assert result.exit_code == 69
    assert "partition mb.far is a foreign table" in result.failure["error"]


def test_several_hazards_are_named_at_once(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute(HAZARDS["a rule"][0])
    target.execute(HAZARDS["a further column"][0])

    error = job("run").failure["error"]

    assert HAZARDS["a rule"][1] in error
    assert HAZARDS["a further column"][1] in error


def test_row_level_security_that_applies_is_refused(
    job: Job, loaded: SourceDatabase, target: TargetDatabase
) -> None:
    loader = target.login_of(
        "GRANT USAGE ON SCHEMA mb TO {role}", "GRANT ALL ON ALL TABLES IN SCHEMA mb TO {role}"
    )
    target.execute(
        "ALTER TABLE mb.sales_target ENABLE ROW LEVEL SECURITY;"
        " CREATE POLICY first_half ON mb.sales_target USING (target_month < 6)"
    )

    result = job("run", AIRFLOW_CONN_POSTGRES_CONN_ID=loader)

    assert result.exit_code == 69
    assert "row level security hides rows of it from this user" in result.failure["error"]


def test_a_hazard_that_comes_during_the_digest_is_found(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, standin: OracleStandin
) -> None:
    standin.faults.before_fetch(lambda _rows: target.execute(HAZARDS["a rule"][0]))

    result = job("run")

    assert result.exit_code == 69
    assert HAZARDS["a rule"][1] in result.failure["error"]


ORDINARY = {
    "a generated column": (
        "ALTER TABLE mb.sales_target ADD doubled numeric GENERATED ALWAYS AS (target_amount * 2)"
        " STORED"
    ),
    "a unique index": "CREATE UNIQUE INDEX ON mb.sales_target (id)",
    "a trigger": (
        "CREATE TABLE mb.audit (id numeric);"
        " CREATE FUNCTION mb.note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO mb.audit VALUES (NEW.id); RETURN NEW; END';"
        " CREATE TRIGGER note AFTER INSERT ON mb.sales_target"
        " FOR EACH ROW EXECUTE FUNCTION mb.note()"
    ),
    "partitions": (
        "ALTER TABLE mb.sales_target RENAME TO stored;"
        " CREATE TABLE mb.sales_target (LIKE mb.stored) PARTITION BY LIST (target_month);"
        " CREATE TABLE mb.spring PARTITION OF mb.sales_target FOR VALUES IN (3, 4, 5);"
        " CREATE TABLE mb.others PARTITION OF mb.sales_target DEFAULT;"
        " INSERT INTO mb.sales_target SELECT * FROM mb.stored"
    ),
    "unlogged": "ALTER TABLE mb.sales_target SET UNLOGGED",
    "a publication with a replica identity": (
        "CREATE PUBLICATION everything FOR ALL TABLES;"
        " ALTER TABLE mb.sales_target REPLICA IDENTITY FULL;"
    ),
    "a publication of inserts": (
        "CREATE PUBLICATION inserts FOR ALL TABLES WITH (publish = 'insert')"
    ),
    "a foreign key that leaves it": (
        "CREATE TABLE mb.years (year numeric PRIMARY KEY); INSERT INTO mb.years VALUES (2024);"
        " ALTER TABLE mb.sales_target ADD FOREIGN KEY (target_year) REFERENCES mb.years"
    ),
}


@pytest.mark.parametrize("statement", ORDINARY.values(), ids=ORDINARY)
def test_what_does_no_harm_works(
    job: Job, loaded: SourceDatabase, target: TargetDatabase, statement: str
) -> None:
    target.execute(statement)

    result = job("run")

    assert result.exit_code == 0, result.stderr
    assert target.rows() == loaded.rows()


def test_rows_that_no_load_left_there_are_guarded(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    target.execute(
        "CREATE SCHEMA mb; CREATE TABLE mb.sales_target (id numeric, product_id numeric,"
        " target_month numeric, target_year numeric, target_amount numeric);"
        " INSERT INTO mb.sales_target SELECT n, 1, 1, 1999, n FROM generate_series(1, 5000) AS n"
    )

    result = job("run")

    assert result.exit_code == 65
    assert result.failure["reason"] == "guard_refused"
    assert "the target has 5000" in result.failure["error"]
    assert len(target.rows()) == 5000


def test_lost_records_of_what_was_loaded_do_not_lift_the_guard(
    job: Job, small_source: SourceDatabase, target: TargetDatabase
) -> None:
    assert job("run").exit_code == 0
    target.execute("DELETE FROM mb.etl_sales_target_periods")
    small_source.execute("DELETE FROM {table} WHERE id > 3")

    assert job("run").exit_code == 65
    assert len(target.rows()) == 24
