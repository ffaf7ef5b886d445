"""A release of the chart on the cluster, as the tests install it, and what Airflow knows of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Values = dict[str, Any]
# `helm install`, with changed values.
Install = Callable[..., None]


def airflow_environ(
    namespace: str, kubeconfig: Path, sidecar: str, **variable: object
) -> dict[str, str]:
    """What tells Airflow where the cluster and the release are, and which image is its sidecar."""
    cluster = {"kube_config_path": str(kubeconfig), "xcom_sidecar_container_image": sidecar}
    connection = {"conn_type": "kubernetes", "extra": cluster}
    return {
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(connection),
        "AIRFLOW_VAR_ETL_SALES_TARGET": json.dumps({"namespace": namespace, **variable}),
    }
