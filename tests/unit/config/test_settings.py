"""The settings: the defaults that the README promises, and one clear sentence for a bad value."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from etl_sales_target.config.settings import Settings
from etl_sales_target.core.definitions import sales_target
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName

DAY = 86_400
LIMITS = {
    "batch_rows": (1, 1_000_000),
    "connect_timeout_seconds": (1, DAY),
    "call_timeout_seconds": (1, DAY),
    "lock_timeout_seconds": (1, DAY),
    "retry_budget_seconds": (0, DAY),
    "max_shrink_percent": (0, 100),
    "changes_retention_days": (0, 36_500),
    "pushgateway_timeout_seconds": (1, DAY),
}
CHOICES = {
    "oracle_mode": ["auto", "thick", "thin"],
    "log_level": ["DEBUG", "INFO", "WARNING", "ERROR"],
    "log_format": ["json", "text"],
}


def read(monkeypatch: pytest.MonkeyPatch, **values: object) -> dict[str, Any]:
    """The settings with these fields' variables set."""
    for field, value in values.items():
        monkeypatch.setenv(f"ETL_{field.upper()}", str(value))
    found = Settings.read()
    return {name: getattr(found, name) for name in asdict(found)}


def refused(monkeypatch: pytest.MonkeyPatch, field: str, value: object) -> str:
    """The sentence about this variable's value."""
    with pytest.raises(ConfigurationError) as e:
        read(monkeypatch, **{field: value})
    assert f"ETL_{field.upper()}" in e.value.message
    assert e.value.message.endswith(".")
    assert "\n" not in e.value.message
    assert e.value.remedy
    return e.value.message


def test_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)

    assert found["connections_dir"] == Path("/etc/etl-sales-target/connections")
    assert found["tables_file"] is None
    assert found["source_table"] == TableName("apps", "khs_customers_trx_targets")
    assert found["target_table"] == TableName("mb", "sales_target")
    assert found["batch_rows"] == 10_000
    assert found["oracle_mode"] == "auto"
    assert found["oracle_client_dir"] == Path("/opt/oracle/instantclient")
    assert found["retry_budget_seconds"] == 120
    assert found["max_shrink_percent"] == 50
    assert found["changes_retention_days"] == 400
    assert found["triggered_by"] == os.uname().nodename
    assert found["pushgateway_url"] is None
    assert found["log_level"] == "INFO"
    assert found["log_format"] is None


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("connections_dir", "/c", Path("/c")),
        ("tables_file", "/t.yaml", Path("/t.yaml")),
        ("tables_file", "", None),
        ("oracle_client_dir", "/o", Path("/o")),
        ("source_table", "Apps.Some_View$1", TableName("apps", "some_view$1")),
        ("target_table", "MB.T", TableName("mb", "t")),
        ("triggered_by", "dag/run", "dag/run"),
        ("pushgateway_url", "https://push:9091/base/", "https://push:9091/base"),
        ("pushgateway_url", "http://[::1]:9091", "http://[::1]:9091"),
        ("pushgateway_url", "http://[::1]", "http://[::1]"),
        ("pushgateway_url", "", None),
        ("pushgateway_user", "pusher", "pusher"),
        ("pushgateway_ca_file", "/ca.pem", Path("/ca.pem")),
        ("kubernetes_namespace", "etl-1", "etl-1"),
        ("kubernetes_namespace", "", None),
    ],
)
def test_a_variable_sets_its_field(
    monkeypatch: pytest.MonkeyPatch, field: str, text: str, value: object
) -> None:
    assert read(monkeypatch, **{field: text})[field] == value


@pytest.mark.parametrize("field", LIMITS)
def test_numbers_reach_to_their_limits_and_no_further(
    monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    least, most = LIMITS[field]

    assert read(monkeypatch, **{field: least})[field] == least
    assert read(monkeypatch, **{field: most})[field] == most
    refused(monkeypatch, field, least - 1)
    refused(monkeypatch, field, most + 1)


@pytest.mark.parametrize("field", LIMITS)
@pytest.mark.parametrize("text", ["many", "1.5", "1e3", "0x10", " "])
def test_what_is_no_whole_number(monkeypatch: pytest.MonkeyPatch, field: str, text: str) -> None:
    assert "integer" in refused(monkeypatch, field, text)


@pytest.mark.parametrize("field", CHOICES)
def test_choices(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    for choice in CHOICES[field]:
        assert read(monkeypatch, **{field: choice})[field] == choice
    message = refused(monkeypatch, field, "other")

    assert ", ".join(CHOICES[field]) in message


@pytest.mark.parametrize("text", ["Etl", "etl_1", "-etl", "etl-", "a.b", "a/b", "e" * 64])
def test_a_namespace_is_as_kubernetes_names_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert "not the name of a Kubernetes namespace" in refused(
        monkeypatch, "kubernetes_namespace", text
    )


@pytest.mark.parametrize("field", ["source_table", "target_table"])
@pytest.mark.parametrize(
    "text", ["sales_target", "a.b.c", "a.", ".b", "a.b;drop", 'a."b"', "1a.b", "a b.c", "a.b@link"]
)
def test_a_table_is_a_schema_and_a_name(
    monkeypatch: pytest.MonkeyPatch, field: str, text: str
) -> None:
    assert "is not SCHEMA.TABLE" in refused(monkeypatch, field, text)


@pytest.mark.parametrize("variable", ["ETL_SOURCE_TABLE", "ETL_TARGET_TABLE"])
def test_a_file_of_tables_leaves_no_table_to_name(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "a.b")

    said = f"It names the tables, so {variable} must not be set."
    assert said in refused(monkeypatch, "tables_file", "/t.yaml")
    assert read(monkeypatch, tables_file="")["tables_file"] is None


def test_the_built_in_definition_has_the_names_that_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ETL_SOURCE_TABLE", "A.B")
    monkeypatch.setenv("ETL_TARGET_TABLE", "c.d")

    definition = sales_target(TableName("a", "b"), TableName("c", "d"))
    assert Settings.read().definition == definition


@pytest.mark.parametrize(
    "text",
    [
        "push:9091",
        "ftp://push",
        "http://",
        "http://push:many",
        "http://push:0",
        "//push",
        "http://push..er",
        "http://" + "a" * 64,
        "http://push/\u00e9",
        "http://push/?a",
        "http://a b",
    ],
)
def test_what_is_no_pushgateway(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert "it is no URL such as" in refused(monkeypatch, "pushgateway_url", text)


@pytest.mark.parametrize("text", ["http://user:Top-Secret@push", "http://user:Top-Secret@[push"])
def test_a_password_in_the_pushgateways_url_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert "Top-Secret" not in refused(monkeypatch, "pushgateway_url", text)


def test_the_limits_of_every_number_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)

    assert LIMITS.keys() == {name for name, value in found.items() if isinstance(value, int)}
