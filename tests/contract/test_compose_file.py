"""The compose file: that it is one, and what it promises. Its images are not pulled here."""

import re
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from etl_sales_target.config import airflow_connection as connections
from etl_sales_target.config.settings import ORACLE_CONNECTION, POSTGRES_CONNECTION
from support.project import PROJECT

FILE = PROJECT / "docker/compose.yaml"
# The one variable: the Makefile sets it.
TEXT = FILE.read_text().replace("${TAG}", "0.0.0")


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXT)["services"]
    return found


def test_it_follows_the_specification() -> None:
    compose = PyCompose.from_yaml(TEXT)
    compose.validate()
    assert "$" not in TEXT


def test_a_misspelt_key_would_be_found() -> None:
    with pytest.raises(ValueError, match="healtcheck"):
        PyCompose.from_yaml(TEXT.replace("healthcheck:", "healtcheck:"))


def test_every_port_is_open_on_loopback_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_image_is_latest(services: dict[str, Any]) -> None:
    images = [service["image"] for service in services.values()]
    assert all(re.fullmatch(r"[^:]+:.*\d.*", image) for image in images)


def test_mounted_folders_exist(services: dict[str, Any]) -> None:
    sources = [v.split(":")[0] for s in services.values() for v in s.get("volumes", [])]
    assert sources
    assert all((FILE.parent / source).is_dir() for source in sources)


def test_the_job_has_no_rights_it_does_not_need(services: dict[str, Any]) -> None:
    job = services["job"]
    assert job["read_only"] is True
    assert job["cap_drop"] == ["ALL"]
    assert job["security_opt"] == ["no-new-privileges:true"]


def test_the_job_connects_to_the_services(services: dict[str, Any]) -> None:
    environment = services["job"]["environment"]
    oracle, postgres = (
        connections.parse(environment[name], name=name)
        for name in (ORACLE_CONNECTION, POSTGRES_CONNECTION)
    )
    assert (oracle.host, oracle.login, oracle.password) == (
        "oracle",
        services["oracle"]["environment"]["APP_USER"],
        services["oracle"]["environment"]["APP_USER_PASSWORD"],
    )
    assert (postgres.host, postgres.schema, postgres.login, postgres.password) == (
        "postgres",
        *(
            services["postgres"]["environment"][f"POSTGRES_{name}"]
            for name in ("DB", "USER", "PASSWORD")
        ),
    )
    assert set(services["job"]["depends_on"]) == {"oracle", "postgres"}
