"""The pod: one for the PodTemplate, the CronJob and the test."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from support.chart import RELEASE, HelmError, Manifests, needs_helm, render
from support.kubernetes_objects import beyond_restricted

pytestmark = needs_helm

PodOf = Callable[[dict[str, Any]], dict[str, Any]]
PODS: list[tuple[str, PodOf, list[str]]] = [
    ("PodTemplate", lambda found: found["template"], ["run"]),
    ("CronJob", lambda found: found["spec"]["jobTemplate"]["spec"]["template"], ["run"]),
    ("Pod", lambda found: found, ["check"]),
]


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return render({"cronJob": {"enabled": True}})


@pytest.mark.parametrize(("kind", "pod_of", "arguments"), PODS)
def test_every_kind_has_the_same_pod(
    manifests: Manifests, kind: str, pod_of: PodOf, arguments: list[str]
) -> None:
    spec = pod_of(manifests.one(kind))["spec"]
    expected = manifests.pod["spec"]
    assert spec["containers"][0]["args"] == arguments
    assert {**spec, "containers": None} == {**expected, "containers": None}
    assert {**spec["containers"][0], "args": None} == {**manifests.container, "args": None}


def test_it_runs_as_nobody_with_no_rights(manifests: Manifests) -> None:
    spec = manifests.pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert manifests.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "hostNetwork" not in spec
    assert spec["restartPolicy"] == "Never"


def test_connections_are_files_that_only_the_job_reads(manifests: Manifests) -> None:
    [volume] = [each for each in manifests.pod["spec"]["volumes"] if each["name"] == "connections"]
    assert volume["secret"]["secretName"] == manifests.one("Secret")["metadata"]["name"]
    assert volume["secret"]["defaultMode"] == 0o440
    assert volume["secret"]["optional"] is True
    [mount] = [
        each for each in manifests.container["volumeMounts"] if each["name"] == "connections"
    ]
    assert mount["readOnly"] is True
    assert mount["mountPath"] == manifests.one("ConfigMap")["data"]["ETL_CONNECTIONS_DIR"]


def test_the_folder_of_the_connections_may_be_another() -> None:
    manifests = render({"settings": {"ETL_CONNECTIONS_DIR": "/run/connections"}})
    assert manifests.container["volumeMounts"][0]["mountPath"] == "/run/connections"


def test_the_environment_is_the_configmap_and_the_pods_own_namespace(manifests: Manifests) -> None:
    assert manifests.container["env"] == [
        {
            "name": "ETL_KUBERNETES_NAMESPACE",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        }
    ]
    name = manifests.one("ConfigMap")["metadata"]["name"]
    assert manifests.container["envFrom"] == [{"configMapRef": {"name": name}}]


def test_a_namespace_in_the_settings_takes_the_place_of_the_pods_own() -> None:
    found = render({"settings": {"ETL_KUBERNETES_NAMESPACE": "warehouse"}})
    assert "env" not in found.container
    assert found.one("ConfigMap")["data"]["ETL_KUBERNETES_NAMESPACE"] == "warehouse"


def test_tmp_is_the_only_place_to_write(manifests: Manifests) -> None:
    [tmp] = [each for each in manifests.pod["spec"]["volumes"] if each["name"] == "tmp"]
    assert tmp["emptyDir"] == {"sizeLimit": "64Mi"}


def test_its_last_words_reach_the_task(manifests: Manifests) -> None:
    assert manifests.container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert "terminationMessagePath" not in manifests.container


def test_autoscalers_leave_it_where_it_is(manifests: Manifests) -> None:
    for kind, pod_of, _ in PODS:
        annotations = pod_of(manifests.one(kind))["metadata"]["annotations"]
        assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
        assert annotations["karpenter.sh/do-not-disrupt"] == "true"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "registry.example.com/etl-sales-target:0.1.0"),
        (
            {"repository": "registry.example/etl", "tag": "1.2.3-thin"},
            "registry.example/etl:1.2.3-thin",
        ),
        (
            {"repository": "registry.example/etl", "tag": "1", "digest": "sha256:" + "a" * 64},
            "registry.example/etl@sha256:" + "a" * 64,
        ),
    ],
)
def test_image(image: dict[str, Any], expected: object) -> None:
    assert render({"image": image}).container["image"] == expected


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, "nodeSelector", {"disk": "ssd"}),
        ({"tolerations": [{"key": "etl"}]}, "tolerations", [{"key": "etl"}]),
        ({"affinity": {"podAffinity": {}}}, "affinity", {"podAffinity": {}}),
        ({"priorityClassName": "batch"}, "priorityClassName", "batch"),
        (
            {"topologySpreadConstraints": [{"maxSkew": 1}]},
            "topologySpreadConstraints",
            [{"maxSkew": 1}],
        ),
        ({"dnsConfig": {"searches": ["a.b"]}}, "dnsConfig", {"searches": ["a.b"]}),
        ({"dnsPolicy": "None", "hostNetwork": True}, "dnsPolicy", "None"),
        ({"activeDeadlineSeconds": 1_000_000}, "activeDeadlineSeconds", 1_000_000),
        ({"imagePullSecrets": [{"name": "r"}]}, "imagePullSecrets", [{"name": "r"}]),
        ({"terminationGracePeriodSeconds": 5}, "terminationGracePeriodSeconds", 5),
        ({"hostNetwork": True}, "hostNetwork", True),
        ({"hostNetwork": True}, "dnsPolicy", "ClusterFirstWithHostNet"),
        (
            {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["o"]}]},
            "hostAliases",
            [{"ip": "10.0.0.1", "hostnames": ["o"]}],
        ),
    ],
)
def test_value_arrives_in_the_pod(values: dict[str, Any], field: str, expected: object) -> None:
    assert render(values).pod["spec"][field] == expected


class TestTables:
    TABLES: ClassVar = [{"source": "APPS.ORDERS", "target": "mb.orders"}]

    def test_are_a_file_that_the_job_only_reads(self) -> None:
        found = render({"tables": self.TABLES, "cronJob": {"enabled": True}})
        for kind, pod_of, _ in PODS:
            spec = pod_of(found.one(kind))["spec"]
            [volume] = [each for each in spec["volumes"] if each["name"] == "tables"]
            mounts = spec["containers"][0]["volumeMounts"]
            [mount] = [each for each in mounts if each["name"] == "tables"]
            assert volume["configMap"]["name"] == f"{RELEASE}-tables"
            assert mount["readOnly"] is True

    def test_without_them_nothing_is_mounted(self, manifests: Manifests) -> None:
        assert len(manifests.all("ConfigMap")) == 1
        assert "ETL_TABLES_FILE" not in manifests.one("ConfigMap")["data"]
        assert "tables" not in str(manifests.pod)

    def test_the_pod_says_which_ones_it_had(self) -> None:
        others = [{**self.TABLES[0], "key": ["id"]}]
        sums = [
            render({"tables": tables}).pod["metadata"]["annotations"]["checksum/tables"]
            for tables in (self.TABLES, self.TABLES, others)
        ]
        assert sums[0] == sums[1] != sums[2]

    def test_the_sum_does_not_need_other_annotations(self) -> None:
        values = {"tables": self.TABLES, "podAnnotations": None}
        assert render(values).pod["metadata"]["annotations"].keys() == {"checksum/tables"}

    @pytest.mark.parametrize("name", ["ETL_SOURCE_TABLE", "ETL_TARGET_TABLE"])
    def test_leave_no_table_to_name(self, name: str) -> None:
        assert render({"settings": {name: "a.b"}}).objects
        with pytest.raises(HelmError, match=r"settings\.ETL_TARGET_TABLE must be empty"):
            render({"tables": self.TABLES, "settings": {name: "a.b"}})


def test_more_volumes_come_on_top() -> None:
    volume = {"name": "wallet", "secret": {"secretName": "oracle-wallet"}}
    mount = {"name": "wallet", "mountPath": "/wallet", "readOnly": True}
    manifests = render({"extraVolumes": [volume], "extraVolumeMounts": [mount]})
    assert manifests.pod["spec"]["volumes"][2:] == [volume]
    assert manifests.container["volumeMounts"][2:] == [mount]


def test_more_variables_come_on_top_of_the_settings() -> None:
    variable = {"name": "TZ", "value": "Asia/Jakarta"}
    source = {"secretRef": {"name": "from-vault"}}
    container = render({"extraEnv": [variable], "extraEnvFrom": [source]}).container
    assert container["env"][1:] == [variable]
    assert container["envFrom"][1:] == [source]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "ETL_KUBERNETES_NAMESPACE"),
        ({"oracleNet": {"secret": "oracle-net"}}, "TNS_ADMIN"),
        ({"certificateAuthorities": {"configMap": "company-ca"}}, "SSL_CERT_FILE"),
    ],
)
def test_a_variable_is_set_once(values: dict[str, Any], name: str) -> None:
    variable = {"name": name, "value": "x"}
    with pytest.raises(HelmError, match=f"extraEnv: {name} is set already"):
        render({**values, "extraEnv": [variable]})


def test_a_variable_may_be_yours_if_the_chart_does_not_set_it() -> None:
    variable = {"name": "TNS_ADMIN", "value": "/wallet"}
    assert variable in render({"extraEnv": [variable]}).container["env"]


@pytest.mark.parametrize(
    ("values", "variable", "file", "source"),
    [
        (
            {"certificateAuthorities": {"configMap": "company-ca", "key": "root.pem"}},
            "SSL_CERT_FILE",
            "ca.crt",
            {"configMap": {"name": "company-ca", "items": [{"key": "root.pem", "path": "ca.crt"}]}},
        ),
        (
            {"oracleNet": {"secret": "oracle-net"}},
            "TNS_ADMIN",
            "",
            {"secret": {"secretName": "oracle-net", "defaultMode": 0o440}},
        ),
    ],
)
def test_files_that_a_variable_names_are_mounted_there(
    values: dict[str, Any], variable: str, file: str, source: dict[str, Any]
) -> None:
    manifests = render(values)
    environment = {each["name"]: each.get("value") for each in manifests.container["env"]}
    [mount] = [
        each
        for each in manifests.container["volumeMounts"]
        if f"{each['mountPath']}/{file}".rstrip("/") == environment[variable]
    ]
    [volume] = [each for each in manifests.pod["spec"]["volumes"] if each["name"] == mount["name"]]
    assert mount["readOnly"] is True
    assert volume == {"name": mount["name"], **source}


class TestSidecar:
    SIDECAR: ClassVar = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}

    def test_runs_next_to_the_job(self) -> None:
        found = render({"initContainers": [self.SIDECAR]})
        assert found.pod["spec"]["initContainers"] == [self.SIDECAR]

    def test_needs_a_cluster_that_knows_it(self) -> None:
        with pytest.raises(HelmError, match=r"with a restartPolicy: needs Kubernetes 1\.29"):
            render({"initContainers": [self.SIDECAR]}, "--kube-version", "1.28.9")


def test_labels_of_yours_do_not_replace_those_that_select_the_pod() -> None:
    name = "app.kubernetes.io/name"
    found = render({"podLabels": {name: "mine", "team": "sales"}, "commonLabels": {name: "ours"}})
    labels = found.pod["metadata"]["labels"]
    assert (labels[name], labels["team"]) == (RELEASE, "sales")
    assert found.one("ConfigMap")["metadata"]["labels"][name] == RELEASE


def test_labels_and_annotations_of_everything() -> None:
    both = {"example.com/team": "sales"}
    found = render({"commonLabels": both, "commonAnnotations": both, "cronJob": {"enabled": True}})
    for metadata in [
        *(each["metadata"] for each in found.objects),
        *(pod_of(found.one(kind))["metadata"] for kind, pod_of, _ in PODS),
    ]:
        assert metadata["labels"].items() >= both.items()
        assert metadata["annotations"].items() >= both.items()


def test_it_meets_the_pod_security_standard(manifests: Manifests) -> None:
    for kind, pod_of, _ in PODS:
        assert beyond_restricted(pod_of(manifests.one(kind))["spec"]) == []


@pytest.mark.parametrize(
    ("values", "forbidden"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"podSecurityContext": {"runAsNonRoot": False}}, f"{RELEASE}: runAsNonRoot"),
        ({"podSecurityContext": {"runAsUser": 0}}, f"{RELEASE}: runAsNonRoot"),
        ({"podSecurityContext": {"seccompProfile": None}}, f"{RELEASE}: seccompProfile"),
        (
            {"containerSecurityContext": {"allowPrivilegeEscalation": True}},
            f"{RELEASE}: allowPrivilegeEscalation",
        ),
        (
            {"containerSecurityContext": {"capabilities": {"drop": ["NET_RAW"]}}},
            f"{RELEASE}: capabilities.drop",
        ),
        ({"extraVolumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "hostPath"),
    ],
)
def test_values_that_loosen_it_are_noticed(values: dict[str, Any], forbidden: str) -> None:
    assert beyond_restricted(render(values).pod["spec"]) == [forbidden]


def test_a_cluster_that_picks_the_user_itself() -> None:
    values = {"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}
    context = render(values).pod["spec"]["securityContext"]
    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
