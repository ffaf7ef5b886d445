"""A Kubernetes cluster, by KUBECONFIG: what the tests ask of it and do to it."""

import base64
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

_TIMEOUT_SECONDS = 60


@dataclass
class PodWatch:
    """The pods that were seen, as the API server described them last."""

    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    most_at_once: int = 0
    _alive: set[str] = field(default_factory=set)

    def note(self, event: dict[str, Any]) -> None:
        pod = event["raw_object"]
        name = pod["metadata"]["name"]
        self.seen[name] = pod
        ended = event["type"] == "DELETED" or pod["status"]["phase"] in ("Succeeded", "Failed")
        (self._alive.discard if ended else self._alive.add)(name)
        self.most_at_once = max(self.most_at_once, len(self._alive))


class Cluster:
    """The cluster, with a namespace for the release and one for Airflow, of this object's own."""

    def __init__(self) -> None:
        config.load_kube_config(os.environ["KUBECONFIG"])
        self.core = client.CoreV1Api()
        self.batch = client.BatchV1Api()
        self.rbac = client.RbacAuthorizationV1Api()
        suffix = uuid.uuid4().hex[:8]
        self.namespace = f"etl-{suffix}"
        self.airflow_namespace = f"airflow-{suffix}"

    def __enter__(self) -> "Cluster":
        for name in (self.namespace, self.airflow_namespace):
            self.core.create_namespace({"metadata": {"name": name}})
        return self

    def __exit__(self, *_: object) -> None:
        for name in (self.namespace, self.airflow_namespace):
            self.core.delete_namespace(name)
        self.wait_until(lambda: not self._namespaces() & {self.namespace, self.airflow_namespace})

    def _namespaces(self) -> set[str]:
        return {found.metadata.name for found in self.core.list_namespace().items}

    def kubeconfig_of(self, account: str, folder: Path) -> Path:
        """Makes a service account in Airflow's namespace; returns a kubeconfig that is it."""
        self.core.create_namespaced_service_account(
            self.airflow_namespace, {"metadata": {"name": account}}
        )
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        request["spec"] = {"audiences": None, "expirationSeconds": 3600}
        token = self.core.create_namespaced_service_account_token(
            account, self.airflow_namespace, request
        ).status.token
        server = self.core.api_client.configuration
        authority = Path(server.ssl_ca_cert).read_bytes()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [
                {
                    "name": "it",
                    "cluster": {
                        "server": server.host,
                        "certificate-authority-data": base64.b64encode(authority).decode(),
                    },
                }
            ],
            "users": [{"name": "it", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        path = folder / f"{account}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))
        return path

    def pods(self) -> list[Any]:
        return self.core.list_namespaced_pod(self.namespace).items

    def running_pod(self) -> str:
        """Waits for the one pod whose container runs; returns its name."""
        self.wait_until(lambda: [pod for pod in self.pods() if pod.status.phase == "Running"])
        [pod] = self.pods()
        return pod.metadata.name

    def kill(self, pod: str) -> None:
        """As when its node is lost: no time to clean up."""
        self.core.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def wait_until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.2)

    @contextmanager
    def watched_pods(self) -> Iterator[PodWatch]:
        """Every change of every pod in the namespace, from now to the end of the block."""
        noted, stream = PodWatch(), watch.Watch()
        version = self.core.list_namespaced_pod(self.namespace).metadata.resource_version

        def follow() -> None:
            pods = self.core.list_namespaced_pod
            for event in stream.stream(pods, self.namespace, resource_version=version):
                noted.note(event)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield noted
        finally:
            stream.stop()
            # The stream looks up once more, at the next event.
            self.core.create_namespaced_config_map(
                self.namespace, {"metadata": {"name": f"end-{uuid.uuid4().hex[:8]}"}}
            )

    def objects(self) -> dict[str, list[str]]:
        """The names of all that a release can leave in its namespace, by kind."""
        core, rbac = self.core, self.rbac
        listed = {
            "pods": core.list_namespaced_pod,
            "podtemplates": core.list_namespaced_pod_template,
            "secrets": core.list_namespaced_secret,
            "configmaps": core.list_namespaced_config_map,
            "serviceaccounts": core.list_namespaced_service_account,
            "roles": rbac.list_namespaced_role,
            "rolebindings": rbac.list_namespaced_role_binding,
            "networkpolicies": client.NetworkingV1Api().list_namespaced_network_policy,
            "jobs": self.batch.list_namespaced_job,
        }
        return {
            kind: sorted(found.metadata.name for found in names(self.namespace).items)
            for kind, names in listed.items()
        }


def cluster_error() -> str | None:
    """Why there is no cluster to test on; None where one answers."""
    if "KUBECONFIG" not in os.environ:
        return "KUBECONFIG names no cluster"
    try:
        config.load_kube_config(os.environ["KUBECONFIG"])
        client.VersionApi().get_code(_request_timeout=5)
    except (ApiException, OSError, config.ConfigException, Exception) as error:  # noqa: BLE001
        return f"the cluster of KUBECONFIG does not answer: {error}"
    return None


def as_json(document: Any) -> str:
    """For looking through a whole object."""
    return json.dumps(document, default=str)
