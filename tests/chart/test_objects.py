"""What stands around the pod: secrets, settings, rights, network, schedule, notes."""

import base64
import json
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from support.chart import (
    CHART,
    CONNECTIONS,
    NAMESPACE,
    RELEASE,
    HelmError,
    needs_helm,
    render,
    render_notes,
)

pytestmark = needs_helm

LONGEST_NAMES = {"CronJob": 52, "Pod": 63}


def decoded(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


class TestSecret:
    def test_holds_both_connections(self) -> None:
        assert decoded(render().one("Secret")) == {
            "AIRFLOW_CONN_ORACLE_CONN_ID": CONNECTIONS["oracle"],
            "AIRFLOW_CONN_POSTGRES_CONN_ID": CONNECTIONS["postgres"],
        }

    def test_is_the_only_object_that_does(self, tmp_path: Path) -> None:
        everything = render({"cronJob": {"enabled": True}})
        rest = yaml.safe_dump_all(each for each in everything.objects if each["kind"] != "Secret")
        notes = render_notes(tmp_path)
        for connection in CONNECTIONS.values():
            for form in (connection, base64.b64encode(connection.encode()).decode()):
                assert form not in rest
                assert form not in notes

    def test_may_be_somebody_elses(self) -> None:
        manifests = render({"connections": {"existingSecret": "from-vault"}})
        assert manifests.all("Secret") == []
        assert manifests.pod["spec"]["volumes"][0]["secret"]["secretName"] == "from-vault"

    @pytest.mark.parametrize(
        ("connections", "said"),
        [
            ({}, "give oracle and postgres, or the name of an existingSecret"),
            ({"oracle": CONNECTIONS["oracle"]}, "give oracle and postgres"),
            ({**CONNECTIONS, "existingSecret": "x"}, "not both"),
            (
                {"existingSecret": "x", "airflowBackend": {"enabled": True}},
                "which existingSecret",
            ),
        ],
    )
    def test_half_a_secret_is_refused(self, connections: dict[str, Any], said: str) -> None:
        with pytest.raises(HelmError, match=said) as refused:
            render({"connections": connections})
        assert "Tiger" not in str(refused.value)

    def test_labels_and_annotations(self) -> None:
        given = {"labels": {"team": "sales"}, "annotations": {"example.com/rotated": "daily"}}
        backend = {"enabled": True}
        found = render({"connections": {**CONNECTIONS, **given, "airflowBackend": backend}})
        assert len(found.all("Secret")) == 3
        for secret in found.all("Secret"):
            assert secret["metadata"]["labels"].items() >= given["labels"].items()
            assert secret["metadata"]["annotations"] == given["annotations"]

    def test_the_example_of_an_external_secret_makes_the_one_that_the_pod_mounts(self) -> None:
        example = yaml.safe_load((CHART / "examples" / "external-secret.yaml").read_text())
        name = example["spec"]["target"]["name"]
        [volume] = [
            each
            for each in render({"connections": {"existingSecret": name}}).pod["spec"]["volumes"]
            if each["name"] == "connections"
        ]
        made = {each["secretKey"] for each in example["spec"]["data"]}
        assert volume["secret"]["secretName"] == name
        assert made == {item["key"] for item in volume["secret"]["items"]}

    def test_copies_for_airflows_own_backend(self) -> None:
        backend = {"enabled": True, "label": "airflow.apache.org/connection-id"}
        secrets = render({"connections": {**CONNECTIONS, "airflowBackend": backend}}).all("Secret")
        found = {
            secret["metadata"]["labels"].get("airflow.apache.org/connection-id"): decoded(secret)
            for secret in secrets
        }
        assert found["oracle_conn_id"] == {"value": CONNECTIONS["oracle"]}
        assert found["postgres_conn_id"] == {"value": CONNECTIONS["postgres"]}


class TestConfigMap:
    def test_whole_numbers_stay_whole(self) -> None:
        data = render({"settings": {"ETL_BATCH_ROWS": 1_000_000}}).one("ConfigMap")["data"]
        assert data["ETL_BATCH_ROWS"] == "1000000"

    def test_zero_is_a_value(self) -> None:
        settings = {"ETL_RETRY_BUDGET_SECONDS": 0, "ETL_MAX_SHRINK_PERCENT": 0}
        data = render({"settings": settings}).one("ConfigMap")["data"]
        assert (data["ETL_RETRY_BUDGET_SECONDS"], data["ETL_MAX_SHRINK_PERCENT"]) == ("0", "0")

    def test_what_is_empty_is_left_to_the_job(self) -> None:
        data = render().one("ConfigMap")["data"]
        assert "ETL_TRIGGERED_BY" not in data
        assert "ETL_PUSHGATEWAY_URL" not in data


class TestRights:
    def test_are_just_the_launchers(self) -> None:
        rules = render().one("Role")["rules"]
        granted = {resource: rule["verbs"] for rule in rules for resource in rule["resources"]}
        assert granted == {
            "podtemplates": ["get"],
            "pods": ["create", "get", "list", "patch", "delete"],
            "pods/log": ["get"],
            "events": ["list"],
        }
        [templates] = [rule for rule in rules if "podtemplates" in rule["resources"]]
        assert templates["resourceNames"] == [RELEASE]

    def test_xcom_needs_one_more(self) -> None:
        rules = render({"airflow": {"xcom": True}}).one("Role")["rules"]
        assert {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]} in rules

    def test_airflows_connections_need_to_write_secrets_and_not_to_read_them(self) -> None:
        rules = render({"airflow": {"connections": True}}).one("Role")["rules"]
        [secrets] = [rule for rule in rules if "secrets" in rule["resources"]]
        assert secrets == {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["create", "delete"],
        }

    def test_go_to_airflows_service_accounts(self) -> None:
        accounts = ["worker", "triggerer"]
        values = {"airflow": {"serviceAccounts": accounts, "namespace": "orchestration"}}
        manifests = render(values)
        binding = manifests.one("RoleBinding")
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": name, "namespace": "orchestration"}
            for name in accounts
        ]
        assert binding["roleRef"]["name"] == manifests.one("Role")["metadata"]["name"]

    def test_may_be_left_to_others(self) -> None:
        manifests = render({"airflow": {"rbac": False}})
        assert manifests.all("Role") == manifests.all("RoleBinding") == []

    def test_the_pods_own_account_has_none(self) -> None:
        manifests = render()
        account = manifests.one("ServiceAccount")
        assert account["automountServiceAccountToken"] is False
        assert manifests.pod["spec"]["serviceAccountName"] == account["metadata"]["name"]

    @pytest.mark.parametrize(
        ("account", "name"), [({}, "default"), ({"name": "their-own"}, "their-own")]
    )
    def test_the_pods_account_may_be_another(self, account: dict[str, Any], name: str) -> None:
        manifests = render({"serviceAccount": {"create": False, **account}})
        assert manifests.all("ServiceAccount") == []
        assert manifests.pod["spec"]["serviceAccountName"] == name


class TestNetworkPolicy:
    ALWAYS: ClassVar = [
        ("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353),
        ("TCP", 1521), ("TCP", 2484), ("TCP", 5432),
    ]  # fmt: skip

    def ports(self, **values: dict[str, Any]) -> list[tuple[str, int]]:
        rules = render(values).one("NetworkPolicy")["spec"]["egress"]
        return [(port["protocol"], port["port"]) for rule in rules for port in rule["ports"]]

    def test_dns_and_both_databases(self) -> None:
        assert self.ports() == self.ALWAYS

    def test_nothing_reaches_the_pod(self) -> None:
        spec = render().one("NetworkPolicy")["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert spec["ingress"] == []

    def test_it_means_this_pod(self) -> None:
        manifests = render()
        wanted = manifests.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
        for pod in (manifests.pod, manifests.one("Pod")):
            assert pod["metadata"]["labels"].items() >= wanted.items()

    @pytest.mark.parametrize(
        ("url", "port"),
        [
            ("http://pushgateway:9091", 9091),
            ("http://pushgateway:9091/prefix/", 9091),
            ("http://pushgateway", 80),
            ("https://push.example", 443),
            ("http://[fd00::1]:9091", 9091),
        ],
    )
    def test_the_pushgateways_port_is_its_urls(self, url: str, port: int) -> None:
        assert self.ports(settings={"ETL_PUSHGATEWAY_URL": url}) == [*self.ALWAYS, ("TCP", port)]

    def test_the_pushgateways_port_behind_a_service(self) -> None:
        values: dict[str, dict[str, Any]] = {
            "settings": {"ETL_PUSHGATEWAY_URL": "http://pushgateway"},
            "networkPolicy": {"pushgateway": {"port": 9091}},
        }
        assert self.ports(**values) == [*self.ALWAYS, ("TCP", 9091)]

    def test_peers(self) -> None:
        peers = [{"ipBlock": {"cidr": "10.0.0.0/28"}}]
        values = {"oracle": {"ports": [2484], "to": peers}, "extraEgress": [{"to": peers}]}
        egress = render({"networkPolicy": values}).one("NetworkPolicy")["spec"]["egress"]
        assert egress[1] == {"ports": [{"port": 2484, "protocol": "TCP"}], "to": peers}
        assert (
            egress[2]["to"]
            == yaml.safe_load((CHART / "values.yaml").read_text())["networkPolicy"]["to"]
        )
        assert egress[-1] == {"to": peers}

    def test_the_internet_is_out_of_reach(self) -> None:
        gateway = {"ETL_PUSHGATEWAY_URL": "http://pushgateway:9091"}
        egress = render({"settings": gateway}).one("NetworkPolicy")["spec"]["egress"]
        for rule in egress:
            blocks = [
                ip_network(peer["ipBlock"]["cidr"]) for peer in rule["to"] if "ipBlock" in peer
            ]
            assert blocks
            for public in ("8.8.8.8", "2001:4860:4860::8888", "100.128.0.1"):
                assert not any(ip_address(public) in block for block in blocks)

    def test_may_be_off(self) -> None:
        assert render({"networkPolicy": {"enabled": False}}).all("NetworkPolicy") == []


class TestCronJob:
    def test_is_off_where_airflow_has_the_schedule(self) -> None:
        assert render().all("CronJob") == []

    def test_runs_daily_and_never_twice_at_once(self) -> None:
        spec = render({"cronJob": {"enabled": True}}).one("CronJob")["spec"]
        assert spec["schedule"] == "0 0 * * *"
        assert spec["concurrencyPolicy"] == "Forbid"
        assert "timeZone" not in spec
        assert spec["jobTemplate"]["spec"]["backoffLimit"] == 2

    def test_older_clusters_try_every_failure_again(self) -> None:
        options = ({"cronJob": {"enabled": True}}, "--kube-version", "1.25.0")
        spec = render(*options).one("CronJob")["spec"]["jobTemplate"]["spec"]
        assert "podFailurePolicy" not in spec

    def test_time_zone(self) -> None:
        values = {"enabled": True, "timeZone": "Asia/Jakarta"}
        assert render({"cronJob": values}).one("CronJob")["spec"]["timeZone"] == "Asia/Jakarta"

    @pytest.mark.parametrize(
        ("cronjob", "version", "said"),
        [
            ({"timeZone": "Asia/Jakarta"}, "1.24.9", r"cronJob\.timeZone: needs Kubernetes 1\.25"),
            ({}, "1.20.15", r"cronJob\.enabled: needs Kubernetes 1\.21"),
        ],
    )
    def test_what_a_cluster_would_ignore_is_refused(
        self, cronjob: dict[str, Any], version: str, said: str
    ) -> None:
        values = {"cronJob": {"enabled": True, **cronjob}}
        with pytest.raises(HelmError, match=said):
            render(values, "--kube-version", version)

    def test_a_drained_node_is_not_a_failed_try(self) -> None:
        spec = render({"cronJob": {"enabled": True}}).one("CronJob")["spec"]["jobTemplate"]["spec"]
        first, second = spec["podFailurePolicy"]["rules"]
        assert first["action"] == "Ignore"
        assert first["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
        assert second["action"] == "FailJob"

    def test_every_try_has_the_whole_time(self) -> None:
        values = {"cronJob": {"enabled": True}, "activeDeadlineSeconds": 7200}
        spec = render(values).one("CronJob")["spec"]["jobTemplate"]["spec"]
        assert "activeDeadlineSeconds" not in spec
        assert spec["template"]["spec"]["activeDeadlineSeconds"] == 7200


def test_the_test_pod_leaves_nothing_when_it_succeeded() -> None:
    annotations = render().one("Pod")["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "test"
    assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("etl-sales-target", {}, "etl-sales-target"),
        ("prod", {}, "prod-etl-sales-target"),
        ("prod", {"fullnameOverride": "sales"}, "sales"),
        ("prod", {"nameOverride": "sales"}, "prod-sales"),
        ("r" * 53, {"cronJob": {"enabled": True}}, "r" * 52),
        (f"{'r' * 51}.s", {"cronJob": {"enabled": True}}, "r" * 51),
        ("prod", {"fullnameOverride": "on"}, "on"),
    ],
)
def test_names(release: str, values: dict[str, Any], name: str) -> None:
    manifests = render(values, release=release)
    assert manifests.one("PodTemplate")["metadata"]["name"] == name
    for found in manifests.objects:
        assert found["metadata"]["name"].startswith(name)
        assert len(found["metadata"]["name"]) <= LONGEST_NAMES.get(found["kind"], 253)
        assert found["metadata"]["namespace"] == NAMESPACE
        assert found["metadata"]["labels"]["app.kubernetes.io/instance"] == release


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {},
            [
                "helm test etl-sales-target --namespace etl",
                (
                    "airflow variables set etl_sales_target "
                    """'{"namespace": "etl", "pod_template": "etl-sales-target"}'"""
                ),
                "airflow dags trigger etl_sales_target",
            ],
        ),
        (
            {"cronJob": {"enabled": True}},
            ["kubectl create job --namespace etl --from=cronjob/etl-sales-target"],
        ),
    ],
)
def test_notes_say_what_comes_next(tmp_path: Path, values: dict[str, Any], said: list[str]) -> None:
    notes = render_notes(tmp_path, values)
    for line in said:
        assert line in notes


class TestPodTemplate:
    @pytest.mark.parametrize(
        ("values", "targets"),
        [
            ({}, ["mb.sales_target"]),
            ({"settings": {"ETL_TARGET_TABLE": "MB.Targets"}}, ["mb.targets"]),
            (
                {
                    "tables": [
                        {"source": "APPS.A", "target": "mb.a"},
                        {"source": "APPS.B", "target": "MB.B$1"},
                    ]
                },
                ["mb.a", "mb.b$1"],
            ),
        ],
    )
    def test_lists_the_targets_as_the_job_writes_them(
        self, values: dict[str, Any], targets: list[str]
    ) -> None:
        annotations = render(values).one("PodTemplate")["metadata"]["annotations"]
        assert annotations == {
            "etl-sales-target/tables": json.dumps(targets, separators=(",", ":"))
        }

    def test_says_where_the_connections_are(self) -> None:
        manifests = render({"airflow": {"connections": True}, "connections": {}})
        annotations = manifests.one("PodTemplate")["metadata"]["annotations"]
        assert annotations["etl-sales-target/connections"] == "airflow"
        assert manifests.all("Secret") == []


SHOWN = {"dashboard": {"enabled": True}}


@pytest.mark.parametrize(
    ("values", "asked"),
    [({}, False), (SHOWN, True), ({**SHOWN, "runbookUrl": "https://git.example/a.md"}, False)],
)
def test_notes_ask_for_the_runbook_where_it_is_linked(
    tmp_path: Path, values: dict[str, Any], asked: bool
) -> None:
    assert ("Set runbookUrl" in render_notes(tmp_path, values)) == asked
