"""A Pushgateway that asks for a login and speaks TLS: what the settings say of both."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.command import Job, verdicts
from support.monitoring import Pushgateway, needs_monitoring
from support.result import Result
from support.source_database import SourceDatabase
from support.tls import Authority

PASSWORD = "Heron-of-the-gateway"
# bcrypt of the password, as Prometheus's exporters want it.
PASSWORD_HASH = "$2b$04$46aY4aSpRR85QNhM/pFkn.WjX/D6Vjin4z8jWjvyC4ZCmbKegKG9O"

pytestmark = needs_monitoring


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls"), "gateway")


@pytest.fixture(scope="module")
def gateway(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pushgateway]:
    config = tmp_path_factory.mktemp("gateway") / "web.yml"
    tls = dict.fromkeys(("cert_file", "key_file"), str(authority.server_file))
    config.write_text(
        yaml.safe_dump({"tls_server_config": tls, "basic_auth_users": {"pusher": PASSWORD_HASH}})
    )
    with Pushgateway(f"--web.config.file={config}", scheme="https") as server:
        yield server


@pytest.fixture
def settings(gateway: Pushgateway, authority: Authority) -> dict[str, str]:
    return {
        "ETL_PUSHGATEWAY_URL": gateway.url,
        "ETL_PUSHGATEWAY_USER": "pusher",
        "ETL_PUSHGATEWAY_PASSWORD": PASSWORD,
        "ETL_PUSHGATEWAY_CA_FILE": str(authority.ca_file),
        "ETL_PUSHGATEWAY_TIMEOUT_SECONDS": "2",
    }


def both(job: Job, **environ: str) -> tuple[Result, Result]:
    """A run and a check; no output of either holds the password."""
    results = job("run", ETL_LOG_LEVEL="DEBUG", **environ), job("check", **environ)
    for result in results:
        assert PASSWORD not in result.stdout + result.stderr
    return results


def test_login_and_tls(job: Job, small_source: SourceDatabase, settings: dict[str, str]) -> None:
    run, check = both(job, **settings)

    assert run.event("metrics_pushed")["url"] == settings["ETL_PUSHGATEWAY_URL"]
    assert verdicts(check)["Pushgateway"] == (
        "OK",
        f"{settings['ETL_PUSHGATEWAY_URL']} is ready",
    )
    assert check.exit_code == 0


def test_the_password_may_be_a_file(
    job: Job, small_source: SourceDatabase, settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ETL_PUSHGATEWAY_PASSWORD").write_text(f"{PASSWORD}\n")
    settings["ETL_PUSHGATEWAY_PASSWORD"] = "wrong: the file wins"

    run, check = both(job, ETL_CONNECTIONS_DIR=str(tmp_path), **settings)

    assert run.event("metrics_pushed")
    assert verdicts(check)["Pushgateway"][0] == "OK"


@pytest.mark.parametrize(
    ("setting", "value", "said", "exit_code"),
    [
        ("ETL_PUSHGATEWAY_PASSWORD", "another-password", "answered 401 Unauthorized", 77),
        ("ETL_PUSHGATEWAY_USER", "", "answered 401 Unauthorized", 77),
        ("ETL_PUSHGATEWAY_CA_FILE", "", "certificate verify failed", 78),
        ("ETL_PUSHGATEWAY_CA_FILE", "/nowhere/ca.pem", "cannot be read from /nowhere/ca.pem", 78),
    ],
)
def test_what_is_wrong_is_named_and_harms_no_run(
    job: Job,
    small_source: SourceDatabase,
    settings: dict[str, str],
    setting: str,
    value: str,
    said: str,
    exit_code: int,
) -> None:
    run, check = both(job, **{**settings, setting: value})

    assert run.exit_code == 0
    assert said in run.event("metrics_push_failed")["error"]
    assert "ETL_PUSHGATEWAY_" in run.event("metrics_push_failed")["remedy"]
    verdict, message = verdicts(check)["Pushgateway"]
    assert verdict == "FAILED"
    assert said in message
    assert check.exit_code == exit_code


def test_a_password_in_the_url_is_refused_and_not_repeated(job: Job) -> None:
    result = job("run", ETL_PUSHGATEWAY_URL=f"https://pusher:{PASSWORD}@gateway:9091")

    assert result.exit_code == 78
    assert "ETL_PUSHGATEWAY_PASSWORD" in result.failure["error"]
    assert PASSWORD not in json.dumps(result.events)


def test_check_without_a_gateway(job: Job, small_source: SourceDatabase) -> None:
    check = job("check")

    assert verdicts(check)["Pushgateway"] == ("OK", "none, as ETL_PUSHGATEWAY_URL is not set")
