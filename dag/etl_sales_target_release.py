"""What a Helm release tells Airflow: its PodTemplate has the pod and the names of its tables."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from kubernetes.client import V1Pod
from kubernetes.client.exceptions import ApiException

_TABLES = "etl-sales-target/tables"
_CONNECTIONS = "etl-sales-target/connections"


@dataclass(frozen=True)
class Release:
    """`tables` are the targets of the release, `wants_connections` says who has the connections.

    It is true if they are Airflow's, and false if they are in a Secret of the release.
    """

    pod: V1Pod
    tables: list[str]
    wants_connections: bool


def read(client: Any, pod_template: str, namespace: str) -> Release:
    """The release whose PodTemplate has this name. Raises ApiException, AirflowFailException."""
    found = client.read_namespaced_pod_template(pod_template, namespace)
    annotations = found.metadata.annotations or {}
    if _TABLES not in annotations:
        raise AirflowFailException(
            f"The PodTemplate {pod_template!r} in namespace {namespace!r} has no annotation "
            f"{_TABLES}: it is not one of the chart etl-sales-target, or the chart is too old. "
            "Run helm upgrade."
        )
    return Release(
        pod=V1Pod(metadata=found.template.metadata, spec=found.template.spec),
        tables=json.loads(annotations[_TABLES]),
        wants_connections=annotations.get(_CONNECTIONS) == "airflow",
    )


@contextmanager
def explained(pod_template: str, namespace: str | None) -> Iterator[None]:
    """An ApiException of the block as an AirflowException that says what to compare."""
    try:
        yield
    except ApiException as error:
        raise AirflowException(
            f"Kubernetes answered {error.status} {error.reason}: {_message(error)} "
            f"(PodTemplate {pod_template!r} in namespace {namespace!r}; the Airflow "
            "Variable etl_sales_target sets these names, the chart's `airflow` values grant "
            "access.)"
        ) from error


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (KeyError, TypeError, ValueError):
        return str(error.body)
