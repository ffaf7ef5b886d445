"""A Kubernetes cluster, by KUBECONFIG: what the tests ask of it and do to it."""

import base64
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

_TIMEOUT_SECONDS = 60
_GLANCE_SECONDS = 0.1
_ANSWER_SECONDS = 10


@dataclass
class PodWatch:
    """The pods that were seen, each as the API server described it last."""

    seen: dict[str, Any] = field(default_factory=dict)
    most_at_once: int = 0

    def look(self, pods: list[Any]) -> None:
        self.seen |= {pod.metadata.name: pod for pod in pods}
        alive = [pod for pod in pods if pod.status.phase not in ("Succeeded", "Failed")]
        self.most_at_once = max(self.most_at_once, len(alive))


class Cluster:
    """The cluster, with a namespace for the release and one for Airflow, of this object's own."""

    def __init__(self) -> None:
        config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
        # Their own types know no dictionary where they take one, and call every field optional.
        self.core: Any = client.CoreV1Api()
        self.batch: Any = client.BatchV1Api()
        self.rbac: Any = client.RbacAuthorizationV1Api()
        suffix = uuid.uuid4().hex[:8]
        self.namespace = f"etl-{suffix}"
        self.airflow_namespace = f"airflow-{suffix}"

    def __enter__(self) -> Self:
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
        request = {"spec": {"audiences": [], "expirationSeconds": 3600}}
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
        return list(self.core.list_namespaced_pod(self.namespace).items)

    def is_being_deleted(self, pod: str) -> bool:
        """Whether it was told to end, or has ended."""
        return pod not in {
            each.metadata.name for each in self.pods() if not each.metadata.deletion_timestamp
        }

    def running_pod(self) -> str:
        """Waits for the one pod whose container runs; returns its name."""
        self.wait_until(lambda: [pod for pod in self.pods() if pod.status.phase == "Running"])
        [pod] = self.pods()
        return str(pod.metadata.name)

    def kill(self, pod: str) -> None:
        """As when its node is lost: no time to clean up."""
        self.core.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=0)

    def has_cronjobs(self) -> bool:
        """Whether it is new enough for `batch/v1` CronJobs: 1.21."""
        return "cronjobs" in {found.name for found in self.batch.get_api_resources().resources}

    def job_succeeded(self, name: str) -> bool:
        return bool(self.batch.read_namespaced_job(name, self.namespace).status.succeeded)

    def delete_job(self, name: str) -> None:
        """With its pods."""
        options = {"propagationPolicy": "Foreground"}
        self.batch.delete_namespaced_job(name, self.namespace, body=options)
        self.wait_until(lambda: not self.pods())

    def wait_until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.2)

    @contextmanager
    def watched_pods(self) -> Iterator[PodWatch]:
        """The pods in the namespace, from now to the end of the block."""
        noted, ended = PodWatch(), threading.Event()

        def watch() -> None:
            while not ended.wait(_GLANCE_SECONDS):
                noted.look(self.pods())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield noted
        finally:
            ended.set()
            thread.join()

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
        return "KUBECONFIG names none"
    try:
        config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
        client.VersionApi().get_code(_request_timeout=_ANSWER_SECONDS)
    except (ApiException, ConfigException, HTTPError, OSError) as error:
        return str(error)
    return None
