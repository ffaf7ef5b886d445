"""What chart and job both know, they know alike."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl_sales_target.config import tables_file
from etl_sales_target.config.description import Setting
from etl_sales_target.config.kinds import Choice, Number
from etl_sales_target.config.settings import (
    OPENLINEAGE_API_KEY,
    ORACLE_CONNECTION,
    POSTGRES_CONNECTION,
    PUSHGATEWAY_PASSWORD,
    LineageSettings,
    Settings,
    all_settings,
)
from etl_sales_target.core.errors import ConfigurationError
from support.chart import CHART, CONNECTIONS, needs_helm, render
from support.project import PROJECT

Read = Callable[[dict[str, str]], dict[str, Any]]

# Those that are simply a value of the chart.
SETTINGS = {
    each.variable: each for each in all_settings() if each.chart_value.startswith("settings.")
}

# What a pod of the chart has where neither the chart nor the job sets it.
LEFT_TO_THE_POD = {"triggered_by": "somebody", "log_format": "json"}

# What is not of a kind that has other values of its own.
OTHER = {
    "ETL_SOURCE_TABLE": "SALES.TARGETS",
    "ETL_TARGET_TABLE": "dwh.targets",
    "ETL_PUSHGATEWAY_URL": "http://pushgateway:9091",
    "OPENLINEAGE_URL": "http://marquez:5000",
}


def other(setting: Setting) -> Any:
    """A value of this setting that is not its default."""
    kind: object = setting.kind
    match kind:
        case Number(minimum=minimum, maximum=maximum):
            return minimum if setting.default != minimum else maximum
        case Choice(words_to_choose=words):
            return next(word for word in words if word != setting.default)
    return OTHER.get(
        setting.variable, "/other" if setting.kind.schema.get("pattern") == "^/" else "other"
    )


TABLE_NAMES = [
    "mb.sales_target", "APPS.T#", "_a._b", "a$1.b$1", f"{'s' * 55}.{'t' * 55}", f"s.{'t' * 56}",
    f"{'s' * 56}.t", "t", "a.b.c", "1a.b", "a.1b", "a.b-c", 'a."b"', "a.b ", "a .b", "a.", ".b",
    "ä.b", "a.b;",
]  # fmt: skip


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """What the job makes of an environment."""

    def settings(environ: dict[str, str]) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            return vars(Settings.read()) | vars(LineageSettings.read())

    return settings


def test_the_chart_has_every_setting_and_no_other() -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text())["settings"].keys() == SETTINGS.keys()


@needs_helm
def test_the_charts_defaults_are_the_jobs(read: Read) -> None:
    environ = render().one("ConfigMap")["data"]
    assert read(environ) | LEFT_TO_THE_POD == read({}) | LEFT_TO_THE_POD


@needs_helm
def test_the_alerts_are_about_the_jobs_default_target(read: Read) -> None:
    rules = yaml.safe_dump(render({"prometheusRule": {"enabled": True}}).one("PrometheusRule"))
    assert str(read({})["target_table"]) in rules


@needs_helm
def test_every_setting_arrives_in_the_job(read: Read) -> None:
    changed = {name: other(setting) for name, setting in SETTINGS.items()}
    defaults, arrived = read({}), read(render({"settings": changed}).one("ConfigMap")["data"])

    unchanged = {name for name in defaults if defaults[name] == arrived[name]}
    assert unchanged == {"tables_file", "parent_id"}


@needs_helm
def test_the_secrets_keys_are_what_the_job_reads() -> None:
    keys = {ORACLE_CONNECTION, POSTGRES_CONNECTION, PUSHGATEWAY_PASSWORD, OPENLINEAGE_API_KEY}
    secrets = {"pushgatewayPassword": "p", "openLineageApiKey": "k"}
    manifests = render({"connections": {**CONNECTIONS, **secrets}})
    assert manifests.one("Secret")["data"].keys() == keys
    items = manifests.pod["spec"]["volumes"][0]["secret"]["items"]
    assert {item["key"] for item in items} == {item["path"] for item in items} == keys


def test_the_chart_has_the_schema_of_the_jobs_file() -> None:
    values = json.loads((CHART / "values.schema.json").read_text())
    file = json.loads(tables_file.SCHEMA.read_text())

    assert values["$schema"] == file["$schema"]
    assert values["definitions"].items() >= file["definitions"].items()
    # A chart without tables has the built-in one; a file without tables is a mistake.
    assert values["properties"]["tables"] | {"minItems": 1} == file["properties"]["tables"]


TABLES = [
    {
        "source": "APPS.KHS_CUSTOMERS_TRX_TARGETS",
        "target": "mb.sales_target",
        "columns": ["id", "target_month", "target_year", "target_amount"],
        "period": {"year": "target_year", "month": "target_month"},
        "key": ["id"],
    },
    {
        "source": "APPS.ORDERS$",
        "target": "mb.orders",
        "columns": [
            "no",
            "on",
            "null",
            "true",
            *(f"column_with_a_long_name_{n}" for n in range(50)),
        ],
        "period": {"date": "on"},
        "history": False,
        "load_columns": ["loaded_at"],
    },
    {"source": "APPS.TERRITORIES", "target": "mb.territories"},
]


@needs_helm
def test_the_charts_tables_arrive_in_the_job(read: Read, tmp_path: Path) -> None:
    manifests = render({"tables": TABLES})
    settings, tables = sorted(
        manifests.all("ConfigMap"), key=lambda found: found["metadata"]["name"]
    )
    volumes = {volume["name"]: volume for volume in manifests.pod["spec"]["volumes"]}
    mounts = {mount["name"]: mount for mount in manifests.container["volumeMounts"]}
    file = read(settings["data"])["tables_file"]
    for name, text in tables["data"].items():
        (tmp_path / name).write_text(text)

    assert volumes["tables"]["configMap"]["name"] == tables["metadata"]["name"]
    assert str(file.parent) == mounts["tables"]["mountPath"]
    found = tables_file.read(tmp_path / file.name)
    assert found == tables_file.definitions(yaml.safe_dump({"tables": TABLES}), file="")
    assert [str(definition.target) for definition in found] == [
        "mb.sales_target", "mb.orders", "mb.territories",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["source", "target"])
@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_file_takes_the_names_that_the_settings_take(
    monkeypatch: pytest.MonkeyPatch, key: str, name: str
) -> None:
    entry = {"source": "a.b", "target": "c.d", key: name}
    accepted = True
    try:
        tables_file.definitions(yaml.safe_dump({"tables": [entry]}), file="")
    except ConfigurationError:
        accepted = False

    assert is_accepted(monkeypatch, f"ETL_{key.upper()}_TABLE", name) == accepted


@needs_helm
def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project["version"]
    assert chart["name"] == project["name"]
    images = yaml.safe_load(chart["annotations"]["artifacthub.io/images"])
    assert [each["image"] for each in images] == [render().container["image"]]


@pytest.mark.parametrize("variable", ["ETL_SOURCE_TABLE", "ETL_TARGET_TABLE"])
@pytest.mark.parametrize("name", TABLE_NAMES)
def test_the_chart_takes_the_names_that_the_job_takes(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    pattern = schema["properties"]["settings"]["properties"][variable]["pattern"]

    assert bool(re.search(pattern, name)) == is_accepted(monkeypatch, variable, name)


def is_accepted(monkeypatch: pytest.MonkeyPatch, variable: str, name: str) -> bool:
    """Whether the job takes this value of this variable."""
    monkeypatch.setenv(variable, name)
    try:
        Settings.read()
    except ConfigurationError:
        return False
    return True
