"""What the tests of the DAG's operators share: an API server's answers, a run, pods that ended."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes.client import (
    V1ContainerState,
    V1ContainerStateTerminated,
    V1ContainerStatus,
    V1ObjectMeta,
    V1Pod,
    V1PodSpec,
    V1PodStatus,
)

from support.chart import NAMESPACE, RELEASE

LOGICAL_DATE = datetime(2026, 1, 2, tzinfo=UTC)
RUN_ID = "scheduled__2026-01-02T00:00:00+00:00"
PARAMS = {
    "tables": None,
    "full": False,
    "from": None,
    "to": None,
    "allow_shrink": False,
    "check": False,
}
TABLE = "mb.sales_target"


Build = Callable[..., V1Pod]


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[dict[str, Any]]:
    """What an API server would answer, by path; anything else is 404. Airflow is told of it.

    Under "POST …" is the answer to a POST to that path, and what was sent is added to "posted".
    """
    answers: dict[str, Any] = {"posted": []}

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found = answers.get(self.path)
            body = found or {"kind": "Status", "code": 404, "message": f"no {self.path}"}
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answers["posted"].append((self.path, sent))
            code, body = answers.get(f"POST {self.path}", (201, sent))
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_DELETE = do_PATCH = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubeconfig = {
        "current-context": "it",
        "clusters": [
            {"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        ],
        "users": [{"name": "it", "user": {}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    extra = {"kube_config_path": str(path)}
    connection = json.dumps({"conn_type": "kubernetes", "extra": extra})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KUBERNETES_DEFAULT", "OTHER_CLUSTER"):
            patch.setenv(f"AIRFLOW_CONN_{name}", connection)
        yield answers
    server.shutdown()
    server.server_close()


def context_of(
    dag: Any, params: dict[str, Any] | None = None, variable: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What Airflow tells a task of a run with these params, where this Variable is set."""
    return {
        "dag": dag,
        "ti": SimpleNamespace(
            dag_id=dag.dag_id,
            task_id="load",
            map_index=0,
            try_number=2,
            logical_date=LOGICAL_DATE,
            dag_run=SimpleNamespace(logical_date=LOGICAL_DATE),
            get_template_context=dict,
        ),
        "run_id": RUN_ID,
        "params": {**PARAMS, **(params or {})},
        "var": {"json": {"etl_sales_target": variable} if variable else {}},
    }


def ended(exit_code: int, message: str | None = "ORA-01017: it said why") -> V1Pod:
    """A pod that has ended so."""
    terminated = V1ContainerStateTerminated(exit_code=exit_code, message=message)
    status = V1ContainerStatus(
        name=RELEASE, image="i", image_id="i", ready=False, restart_count=0,
        state=V1ContainerState(terminated=terminated),
    )  # fmt: skip
    return V1Pod(
        metadata=V1ObjectMeta(name="it", namespace=NAMESPACE, labels={}),
        spec=V1PodSpec(containers=[]),
        status=V1PodStatus(
            phase="Failed" if exit_code else "Succeeded", container_statuses=[status]
        ),
    )


def as_sent(value: Any) -> Any:
    """As the API server gets it, without the fields that hold nothing."""
    if isinstance(value, dict):
        return {key: as_sent(each) for key, each in value.items() if each not in ({}, [])}
    return [as_sent(each) for each in value] if isinstance(value, list) else value
