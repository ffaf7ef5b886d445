"""The values: what is refused, and what the README says of them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from configuration import values_table
from support.chart import CHART, CONNECTIONS, HelmError, helm, needs_helm, render
from support.kubernetes_objects import VERSIONS, problems

MANY_VALUES = {
    "defaults": {},
    "existing_secret": {"connections": {"existingSecret": "from-vault"}},
    "everything": {
        "imagePullSecrets": [{"name": "registry"}],
        "connections": {**CONNECTIONS, "airflowBackend": {"enabled": True}},
        "settings": {"ETL_PUSHGATEWAY_URL": "http://pushgateway:9091", "ETL_TRIGGERED_BY": "chart"},
        "tables": [
            {
                "source": "APPS.ORDERS",
                "target": "mb.orders",
                "columns": ["id", "ordered_on", "note"],
                "period": {"date": "ordered_on"},
                "key": ["id"],
                "history": False,
                "load_columns": ["loaded_at"],
            },
            {"source": "APPS.TERRITORIES", "target": "mb.territories"},
        ],
        "airflow": {"xcom": True},
        "serviceAccount": {"annotations": {"example.com/role": "etl"}},
        "podLabels": {"team": "sales"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "etl", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "batch",
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["oracle"]}],
        "hostNetwork": True,
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "commonLabels": {"team": "sales"},
        "commonAnnotations": {"example.com/owner": "sales"},
        "certificateAuthorities": {"configMap": "company-ca"},
        "oracleNet": {"secret": "oracle-net"},
        "extraEnv": [{"name": "TZ", "value": "Asia/Jakarta"}],
        "extraEnvFrom": [{"secretRef": {"name": "more"}}],
        "initContainers": [{"name": "first", "image": "registry.example/first:1"}],
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
        "networkPolicy": {
            "dns": {"to": [{"namespaceSelector": {}}]},
            "oracle": {"to": [{"ipBlock": {"cidr": "10.0.0.0/28"}}]},
            "extraEgress": [{"ports": [{"port": 443}]}],
        },
        "cronJob": {"enabled": True, "timeZone": "Asia/Jakarta"},
    },
    "next_to_nothing": {
        "airflow": {"rbac": False},
        "serviceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
        "resources": {"requests": None, "limits": None},
        "podAnnotations": None,
        "podSecurityContext": None,
        "containerSecurityContext": None,
    },
}

REFUSED = {
    "unknown_key": {"imgae": {}},
    "unknown_setting": {"settings": {"ETL_BATCH_SIZE": 1}},
    "unknown_nested_key": {"cronJob": {"shedule": "@daily"}},
    "text_for_a_number": {"settings": {"ETL_BATCH_ROWS": "5000"}},
    "number_out_of_range": {"settings": {"ETL_MAX_SHRINK_PERCENT": 101}},
    "unknown_mode": {"settings": {"ETL_ORACLE_MODE": "fast"}},
    "no_table": {"settings": {"ETL_TARGET_TABLE": "sales_target"}},
    "text_for_a_switch": {"cronJob": {"enabled": "yes"}},
    "number_for_a_connection": {"connections": {"oracle": 1, "postgres": 2}},
    "number_for_a_label": {"podLabels": {"version": 1}},
    "no_name": {"nameOverride": "Sales"},
    "no_name_of_objects": {"fullnameOverride": "-x"},
    "no_name_of_a_secret": {"connections": {"existingSecret": "a..b"}},
    "no_label": {"commonLabels": {"a b": "c"}},
    "no_value_of_a_label": {"podLabels": {"team": "sales and more"}},
    "space_in_the_image": {"image": {"repository": "registry.example/etl sales"}},
    "variable_without_a_name": {"extraEnv": [{"value": "x"}]},
    "nobody_to_reach": {"networkPolicy": {"to": []}},
    "no_ports": {"networkPolicy": {"oracle": {"ports": []}}},
    "no_time": {"activeDeadlineSeconds": 0},
    "path_for_the_runbook": {"runbookUrl": "docs/runbook.md"},
    "template_in_the_runbooks_url": {"runbookUrl": "https://git.example/{{ x }}"},
    "label_that_the_alerts_have": {"prometheusRule": {"alertLabels": {"severity": "none"}}},
    "no_digest": {"image": {"digest": "latest"}},
    "unknown_pull_policy": {"image": {"pullPolicy": "Sometimes"}},
    "no_port": {"networkPolicy": {"oracle": {"ports": [0]}}},
    "no_url": {"settings": {"ETL_PUSHGATEWAY_URL": "pushgateway:9091"}},
    "the_file_of_tables": {"settings": {"ETL_TABLES_FILE": "/tables.yaml"}},
    "table_without_a_target": {"tables": [{"source": "a.b"}]},
    "unknown_key_of_a_table": {"tables": [{"source": "a.b", "target": "c.d", "colums": ["id"]}]},
    "bool_as_a_column": {"tables": [{"source": "a.b", "target": "c.d", "columns": [False]}]},
    "sql_in_a_column": {"tables": [{"source": "a.b", "target": "c.d", "columns": ["a FROM b"]}]},
    "period_of_a_year": {"tables": [{"source": "a.b", "target": "c.d", "period": {"year": "y"}}]},
    "name_of_a_target_too_long": {"tables": [{"source": "a.b", "target": f"c.{'d' * 56}"}]},
    "tables_by_name": {"tables": {"orders": {"source": "a.b", "target": "c.d"}}},
    "password_in_a_url": {"settings": {"ETL_PUSHGATEWAY_URL": "http://u:p@pushgateway:9091"}},
}


@needs_helm
@pytest.mark.parametrize("values", MANY_VALUES.values(), ids=MANY_VALUES)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_kubernetes_expects(values: dict[str, Any], version: str) -> None:
    for found in render(values, "--kube-version", version).objects:
        assert problems(found, version) == []


@needs_helm
def test_an_object_that_kubernetes_does_not_expect_is_noticed() -> None:
    volume = {"name": "ca", "confgMap": {"name": "ca"}}
    template = render({"extraVolumes": [volume]}).one("PodTemplate")
    assert "'confgMap' was unexpected" in str(problems(template))


@needs_helm
@pytest.mark.parametrize("values", MANY_VALUES.values(), ids=MANY_VALUES)
def test_lint(values: dict[str, Any]) -> None:
    printed = helm("lint", "--strict", str(CHART), values={"connections": CONNECTIONS, **values})
    assert "0 chart(s) failed" in printed
    # Each remark of Helm's begins so.
    assert "[" not in printed


@needs_helm
@pytest.mark.parametrize("values", REFUSED.values(), ids=REFUSED)
def test_refused(values: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match="values don't meet the specifications of the schema"):
        render(values)


@needs_helm
def test_a_refusal_does_not_print_a_connection() -> None:
    connections = {"oracle": {"uri": CONNECTIONS["oracle"]}, "postgres": CONNECTIONS["postgres"]}
    with pytest.raises(HelmError) as refused:
        render({"connections": connections})
    assert "Tiger" not in str(refused.value)


@needs_helm
def test_parent_charts_may_set_global_values() -> None:
    assert render({"global": {"anything": "goes"}}).objects


def test_the_schema_knows_every_value_and_no_other() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert list(_unlike(schema, values, path="")) == []


def _unlike(schema: dict[str, Any], values: dict[str, Any], *, path: str) -> Iterator[str]:
    """Paths that one side has and the other has not; maps of the user's own keys end the walk."""
    if "properties" not in schema:
        return
    assert schema["additionalProperties"] is False, path
    known = schema["properties"].keys() - {"global"}
    # `claims` is Kubernetes' own and has no default.
    yield from (f"{path}{key}" for key in known ^ values.keys() if key != "claims")
    for key in known & values.keys():
        yield from _unlike(schema["properties"][key], values[key], path=f"{path}{key}.")


def test_a_value_without_a_comment_is_refused() -> None:
    readme, values = (CHART / "README.md").read_text(), (CHART / "values.yaml").read_text()
    with pytest.raises(ValueError, match=r"cronJob\.suspend has no comment"):
        values_table.rendered(readme, values.replace("  # -- Suspend it.\n", ""))
