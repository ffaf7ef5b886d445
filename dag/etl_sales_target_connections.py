"""Airflow's own connections for a pod: in a Secret that belongs to it, nowhere else.

The pod is created first and waits for the Secret, which names it as its owner from the start: no
Secret ever outlives its pod, whatever becomes of Airflow.
"""

import json
from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowNotFoundException,
    BaseHook,
)
from kubernetes.client import (
    V1KeyToPath,
    V1ObjectMeta,
    V1OwnerReference,
    V1Pod,
    V1ProjectedVolumeSource,
    V1Secret,
    V1SecretProjection,
    V1Volume,
    V1VolumeProjection,
)
from kubernetes.client.exceptions import ApiException

ORACLE = "AIRFLOW_CONN_ORACLE_CONN_ID"
POSTGRES = "AIRFLOW_CONN_POSTGRES_CONN_ID"

# The chart's name for the volume that holds the release's Secret.
_VOLUME = "connections"
_FIELDS = ("conn_type", "host", "login", "password", "schema", "port", "extra")
_NOT_FOUND, _CONFLICT = 404, 409


def read(conn_ids: Mapping[str, str]) -> dict[str, str]:
    """The connections with these ids, in Airflow's JSON form, under the same keys.

    Raises AirflowFailException for one that Airflow does not have.
    """
    return {key: _as_json(conn_id) for key, conn_id in conn_ids.items()}


def _as_json(conn_id: str) -> str:
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise AirflowFailException(
            f"Airflow has no connection {conn_id!r}. Create it, or set the chart's value "
            "airflow.connections to false to take the connections from the release's Secret."
        ) from error
    return json.dumps({name: getattr(connection, name) for name in _FIELDS})


def mount(pod: V1Pod) -> None:
    """Makes the pod expect a Secret of its own where the chart mounts the connections.

    Whatever else the release's Secret holds stays there. Raises AirflowFailException.
    """
    volume = next((each for each in pod.spec.volumes or [] if each.name == _VOLUME), None)
    if volume is None or volume.secret is None:
        raise AirflowFailException(
            f"The PodTemplate has no volume {_VOLUME!r} with a Secret, in whose place Airflow's "
            "connections could be mounted."
        )
    of_release = volume.secret
    others = [each for each in of_release.items or [] if each.key not in {ORACLE, POSTGRES}]
    own = V1SecretProjection(
        name=_name(pod), items=[V1KeyToPath(key=key, path=key) for key in (ORACLE, POSTGRES)]
    )
    kept = V1SecretProjection(name=of_release.secret_name, items=others, optional=True)
    sources = [V1VolumeProjection(secret=own)]
    if others:
        sources.append(V1VolumeProjection(secret=kept))
    position = pod.spec.volumes.index(volume)
    # A copy: other pods are made from the same PodTemplate.
    pod.spec.volumes = list(pod.spec.volumes)
    pod.spec.volumes[position] = V1Volume(
        name=_VOLUME,
        projected=V1ProjectedVolumeSource(sources=sources, default_mode=of_release.default_mode),
    )


def is_expected(pod: V1Pod) -> bool:
    """Whether `mount` was called for this pod."""
    projections = (
        source.secret
        for volume in pod.spec.volumes or []
        if volume.name == _VOLUME and volume.projected
        for source in volume.projected.sources
    )
    return any(secret and secret.name == _name(pod) for secret in projections)


def create(client: Any, pod: V1Pod, connections: Mapping[str, str]) -> None:
    """Creates the Secret of this pod, unless an earlier try did. Raises ApiException."""
    owner = V1OwnerReference(
        api_version="v1", kind="Pod", name=pod.metadata.name, uid=pod.metadata.uid
    )
    secret = V1Secret(
        metadata=V1ObjectMeta(
            name=_name(pod), labels=pod.metadata.labels, owner_references=[owner]
        ),
        string_data=dict(connections),
        immutable=True,
        type="Opaque",
    )
    try:
        # The answer repeats the values, and the client would log it at level DEBUG.
        client.create_namespaced_secret(pod.metadata.namespace, secret, _preload_content=False)
    except ApiException as error:
        if error.status != _CONFLICT:
            raise


def delete(client: Any, pod: V1Pod) -> None:
    """Deletes the Secret of this pod, if it is still there. Raises ApiException."""
    try:
        client.delete_namespaced_secret(_name(pod), pod.metadata.namespace, _preload_content=False)
    except ApiException as error:
        if error.status != _NOT_FOUND:
            raise


def _name(pod: V1Pod) -> str:
    return f"{pod.metadata.name}-connections"
