"""What Airflow makes of a run that fails: a retry, or none."""

from oracle_standin import OracleStandin
from support.chart import RELEASE
from support.e2e.airflow_process import Trigger
from support.e2e.release import Install, Values
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase
from support.urls import with_password


def test_a_passing_failure_is_tried_once_more(
    install: Install,
    trigger: Trigger,
    standin: OracleStandin,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    standin.faults.refuse_connections(12514, times=1)
    install()
    done = trigger()
    assert (done.state, done.tries) == ("success", 2), done.log
    assert "DPY-6001" in done.log
    assert target.rows() == small_source.rows()


def test_a_lasting_failure_stays_after_the_retry(
    install: Install, trigger: Trigger, standin: OracleStandin
) -> None:
    standin.faults.refuse_connections(12514)
    install()
    done = trigger()
    assert done.state == "failed"
    assert "Not retried" not in done.log
    assert standin.connections == 2


def test_a_wrong_password_is_tried_once_only(
    install: Install,
    values: Values,
    trigger: Trigger,
    standin: OracleStandin,
    small_source: SourceDatabase,
) -> None:
    wrong = with_password(small_source.uri, "Wrong-password-77")
    install(connections={**values["connections"], "oracle": wrong})
    done = trigger()
    assert (done.state, done.tries) == ("failed", 1)
    assert standin.login_attempts == 1
    assert "Not retried: not allowed." in done.log
    assert "ORA-01017" in done.log
    assert "Wrong-password-77" not in done.log


def test_a_source_that_lost_its_rows_waits_for_somebody(
    install: Install,
    trigger: Trigger,
    small_source: SourceDatabase,
    target: TargetDatabase,
) -> None:
    install()
    assert trigger().state == "success"
    small_source.execute("DELETE FROM {table} WHERE id > 3")
    refused = trigger()
    assert (refused.state, refused.tries) == ("failed", 1)
    assert "Not retried: the reconciliation or a guard failed." in refused.log
    assert len(target.rows()) == 24
    assert trigger(allow_shrink=True).state == "success"
    assert target.rows() == small_source.rows()


def test_a_missing_secret_is_told_at_once(install: Install, trigger: Trigger) -> None:
    install(connections={"existingSecret": "from-vault"})
    done = trigger()
    assert (done.state, done.tries) == ("failed", 1)
    assert "AIRFLOW_CONN_ORACLE_CONN_ID" in done.log
    assert "Not retried: configuration." in done.log


def test_without_the_role_airflow_says_which_right_it_lacks(
    install: Install, trigger: Trigger
) -> None:
    install(airflow={"rbac": False})
    done = trigger()
    assert done.state == "failed"
    assert "Kubernetes answered 403 Forbidden: podtemplates" in done.log
    assert 'cannot get resource "podtemplates"' in done.log.replace('\\"', '"')


def test_a_wrong_name_is_named(trigger: Trigger) -> None:
    done = trigger()
    assert done.state == "failed"
    assert f"PodTemplate '{RELEASE}' in namespace" in done.log
