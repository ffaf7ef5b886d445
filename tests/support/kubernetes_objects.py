"""What an API server refuses, beyond what its schemas say, and the Pod Security standard.

Sources: Kubernetes' documentation, "Object Names and IDs", "Labels and Selectors", "Pod Security
Standards".
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
from kubernetes_validate.utils import all_versions

VERSIONS = sorted({version.removesuffix("-strict") for version in all_versions()})

_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_PART}(\.{_PART})*")
_DNS_LABEL = re.compile(rf"(?=.{{1,63}}$){_PART}")
_PREFIX = r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?"
_QUALIFIED_NAME = re.compile(rf"{_PREFIX}[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_ENVIRONMENT_NAME = re.compile(r"[^\x00-\x1f=\x7f]+")
_LONGEST_CRONJOB = 52
_NO_SCHEMA = {"PrometheusRule"}


def problems(found: dict[str, Any], version: str = VERSIONS[-1]) -> list[str]:
    """Why an API server of this version would refuse the object, or ignore a part of it."""
    listed = [*_metadata(found["metadata"]), *_of_its_kind(found)]
    if found["kind"] not in _NO_SCHEMA:
        listed += _schema(found, version)
    for pod in pods(found):
        listed += [*_metadata(pod.get("metadata", {}), named=False), *_pod(pod["spec"])]
        listed += _schema({"apiVersion": "v1", "kind": "Pod", **pod}, version)
    return listed


def pods(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods that an object is or describes: metadata and spec."""
    match found["kind"]:
        case "Pod":
            return [{"metadata": found["metadata"], "spec": found["spec"]}]
        case "PodTemplate":
            return [found["template"]]
        case "CronJob":
            return [found["spec"]["jobTemplate"]["spec"]["template"]]
        case _:
            return []


def _schema(found: dict[str, Any], version: str) -> Iterator[str]:
    try:
        kubernetes_validate.validate(found, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{found['kind']}: {error.message} at {list(error.path)}"


def _metadata(metadata: dict[str, Any], *, named: bool = True) -> Iterator[str]:
    if named and not _SUBDOMAIN.fullmatch(metadata["name"]):
        yield f"name {metadata['name']!r}"
    for key, value in metadata.get("labels", {}).items():
        if not _QUALIFIED_NAME.fullmatch(key):
            yield f"label {key!r}"
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            yield f"value {value!r} of the label {key}"
    for key, value in metadata.get("annotations", {}).items():
        if not _QUALIFIED_NAME.fullmatch(key) or not isinstance(value, str):
            yield f"annotation {key!r}: {value!r}"


def _of_its_kind(found: dict[str, Any]) -> Iterator[str]:
    if found["kind"] == "CronJob" and len(found["metadata"]["name"]) > _LONGEST_CRONJOB:
        yield f"name {found['metadata']['name']!r} of a CronJob"
    if found["kind"] in {"ConfigMap", "Secret"}:
        for key, value in found["data"].items():
            if not _CONFIG_KEY.fullmatch(key) or not isinstance(value, str):
                yield f"data {key!r}: {value!r}"
    if found["kind"] == "NetworkPolicy":
        for rule in found["spec"]["egress"]:
            if not rule.get("ports") and not rule.get("to"):
                yield "an egress rule that allows everything"


def _pod(spec: dict[str, Any]) -> Iterator[str]:
    volumes = [volume["name"] for volume in spec["volumes"]]
    yield from _repeated("volume", volumes)
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    yield from _repeated("container", [each["name"] for each in containers])
    for name in volumes:
        if not _DNS_LABEL.fullmatch(name):
            yield f"volume {name!r}"
    for container in containers:
        mounts = container.get("volumeMounts", [])
        yield from _repeated("mount", [mount["mountPath"] for mount in mounts])
        yield from (f"no volume {m['name']}" for m in mounts if m["name"] not in volumes)
        names = [each["name"] for each in container.get("env", [])]
        yield from _repeated("variable", names)
        yield from (f"variable {name!r}" for name in names if not _ENVIRONMENT_NAME.fullmatch(name))
        if re.search(r"\s|//|:$|[@:/]$", container["image"]):
            yield f"image {container['image']!r}"


def _repeated(what: str, names: list[str]) -> Iterator[str]:
    yield from (f"{what} {name!r} twice" for name, count in Counter(names).items() if count > 1)


_RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip


def beyond_restricted(spec: dict[str, Any]) -> list[str]:
    """What in a pod the Pod Security standard `restricted` forbids."""
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for volume in spec.get("volumes", []):
        found += sorted(volume.keys() - {"name"} - _RESTRICTED_VOLUMES)
    pods_own = spec.get("securityContext", {})
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        found += [f"{container['name']}: {each}" for each in _unrestricted(container, pods_own)]
    return found


def _unrestricted(container: dict[str, Any], pods_own: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = pods_own | own
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if "ALL" not in own.get("capabilities", {}).get("drop", []):
        yield "capabilities.drop"
    if not set(own.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"}:
        yield "capabilities.add"
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield "runAsNonRoot"
    if both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "hostPort"
