"""Generated values of the chart: what its schema accepts, and Kubernetes' own fragments in it."""

import json
from typing import Any

from hypothesis import strategies as st

from support.chart import CHART, CONNECTIONS

_SCHEMA = json.loads((CHART / "values.schema.json").read_text())
_Values = st.SearchStrategy[dict[str, Any]]

# Words that YAML 1.1 reads as something other than text.
_TRICKY = st.sampled_from(["on", "no", "null", "true", "1e3", "0x1f", "123", "1.0", "a: b", "- a"])
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20) | _TRICKY
_NAMES = st.sampled_from(["a", "on", "123", "x-1", "y.example"])
_SMALL = st.integers(1, 100_000)


def _accepted(*path: str) -> st.SearchStrategy[str]:
    """Texts that the schema's pattern at this path accepts, within its length."""
    node = _SCHEMA
    for part in path:
        node = node[part]
        if "$ref" in node:
            node = _SCHEMA["definitions"][node["$ref"].rsplit("/", 1)[-1]]
    longest = node.get("maxLength", 300)
    return st.from_regex(node["pattern"], fullmatch=True).filter(lambda text: len(text) <= longest)


def _property(*path: str) -> st.SearchStrategy[str]:
    return _accepted("properties", *"/properties/".join(path).split("/"))


def _some(**optional: st.SearchStrategy[Any]) -> _Values:
    return st.fixed_dictionaries({}, optional=optional)


_key = _accepted("definitions", "labels", "propertyNames")
_label_value = _accepted("definitions", "labels", "additionalProperties")
# Helm's users set a map to null to be rid of its defaults.
_labels = st.none() | st.dictionaries(_key, _label_value, max_size=3)
_annotations = st.none() | st.dictionaries(_key, _TEXT, max_size=3)
_object_name = _accepted("definitions", "objectName")
_ports = st.lists(st.integers(1, 65535), min_size=1, max_size=3, unique=True)
_peer = st.sampled_from(
    [{"namespaceSelector": {}}, {"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/28"}}]
)
_peers = st.lists(_peer, max_size=2)
_volume_sources = st.sampled_from(
    [{"emptyDir": {}}, {"secret": {"secretName": "a"}}, {"configMap": {"name": "b"}}]
)
_resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"ephemeral-storage": "1Gi"}}
_container = st.builds(
    lambda name, more: {"name": name, "image": "registry.example/helper:1", **more},
    st.sampled_from(["first", "proxy"]),
    _some(
        restartPolicy=st.just("Always"),
        command=st.lists(_TEXT, min_size=1, max_size=2),
        env=st.just([{"name": "A", "value": "b"}]),
    ),
)


def _unique(of: st.SearchStrategy[dict[str, Any]], key: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, max_size=2, unique_by=lambda each: each[key])


_pod = {
    "imagePullSecrets": _unique(st.fixed_dictionaries({"name": _NAMES}), "name"),
    "podLabels": _labels,
    "podAnnotations": _annotations,
    "nodeSelector": _labels,
    "tolerations": st.just([]) | st.just([{"key": "etl", "operator": "Exists"}]),
    "affinity": st.just({}) | st.just({"nodeAffinity": {}}),
    "topologySpreadConstraints": st.just([]) | st.just([
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    ]),
    "priorityClassName": _object_name,
    "hostAliases": st.just([{"ip": "10.0.0.1", "hostnames": ["oracle"]}]),
    "hostNetwork": st.booleans(),
    "dnsPolicy": st.sampled_from(_SCHEMA["properties"]["dnsPolicy"]["enum"]),
    "dnsConfig": st.just({}) | st.just({"options": [{"name": "ndots", "value": "1"}]}),
    "activeDeadlineSeconds": _SMALL,
    "terminationGracePeriodSeconds": _SMALL,
    "resources": st.just(_resources),
    "tmpSizeLimit": _property("tmpSizeLimit"),
    "extraEnv": _unique(
        st.builds(lambda name, value: {"name": name, "value": value}, _NAMES, _TEXT), "name"
    ),
    "extraEnvFrom": st.just([{"secretRef": {"name": "more", "optional": True}}]),
    "initContainers": _unique(_container, "name"),
    "extraVolumes": _unique(
        st.builds(
            lambda name, source: {"name": name, **source},
            st.sampled_from(["wallet", "ca"]),
            _volume_sources,
        ),
        "name",
    ),
}  # fmt: skip

VALUES: _Values = _some(
    nameOverride=_property("nameOverride"),
    fullnameOverride=_property("fullnameOverride"),
    commonLabels=_labels,
    commonAnnotations=_annotations,
    image=_some(
        repository=_property("image", "repository"),
        tag=_property("image", "tag"),
        digest=_property("image", "digest"),
    ),
    connections=st.fixed_dictionaries(
        {name: st.just(value) for name, value in CONNECTIONS.items()},
        optional={
            "labels": _labels,
            "annotations": _annotations,
            "pushgatewayPassword": _TEXT,
            "airflowBackend": _some(
                enabled=st.booleans(),
                label=_property("connections", "airflowBackend", "label"),
            ),
        },
    )
    | st.fixed_dictionaries({"existingSecret": _object_name.filter(bool)}),
    tables=st.just([]) | st.just([{"source": "a.no", "target": "m.on", "key": ["null", "yes"]}]),
    settings=_some(
        ETL_CONNECTIONS_DIR=st.just("/run/connections") | st.just("/a: b"),
        ETL_BATCH_ROWS=st.integers(1, 1_000_000),
        ETL_TRIGGERED_BY=_TEXT,
        ETL_KUBERNETES_NAMESPACE=_property("settings", "ETL_KUBERNETES_NAMESPACE"),
        OPENLINEAGE_URL=st.just("http://marquez:5000"),
        OPENLINEAGE_NAMESPACE=_TEXT,
        ETL_PUSHGATEWAY_URL=st.sampled_from(["", "http://gateway:9091", "https://gateway/a"]),
    ),
    certificateAuthorities=_some(
        configMap=_object_name, key=_property("certificateAuthorities", "key")
    ),
    oracleNet=_some(secret=_object_name),
    serviceAccount=_some(create=st.booleans(), name=_object_name, annotations=_annotations),
    networkPolicy=_some(
        enabled=st.booleans(),
        to=st.lists(_peer, min_size=1, max_size=2),
        dns=_some(ports=_ports, to=_peers),
        oracle=_some(ports=_ports, to=_peers),
        postgres=_some(ports=_ports, to=_peers),
        pushgateway=_some(port=st.none() | st.integers(1, 65535), to=_peers),
        extraEgress=st.just([{"ports": [{"port": 443}]}]),
    ),
    cronJob=_some(
        enabled=st.booleans(),
        schedule=st.just("@daily"),
        timeZone=_TEXT,
        suspend=st.booleans(),
        startingDeadlineSeconds=st.integers(10, 100_000),
        backoffLimit=st.integers(0, 6),
    ),
    runbookUrl=_property("runbookUrl"),
    prometheusRule=_some(
        enabled=st.booleans(),
        labels=_labels,
        alertLabels=st.dictionaries(st.sampled_from(["team", "on_call"]), _TEXT),
        noSuccessHours=st.floats(0.1, 1000),
        slowMinimumSeconds=st.floats(0, 1e9),
    ),
    dashboard=_some(
        enabled=st.booleans(),
        airflowUrl=_property("dashboard", "airflowUrl"),
        labels=_labels,
        annotations=_annotations,
    ),
    **_pod,
)
