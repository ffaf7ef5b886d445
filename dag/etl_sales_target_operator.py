"""The DAG's operator: the PodTemplate says what runs, the exit code decides on a retry."""

import json
from collections.abc import Mapping
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import V1Pod
from kubernetes.client.exceptions import ApiException

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2
    from airflow.exceptions import (  # type: ignore[attr-defined,no-redef]
        AirflowException,
        AirflowFailException,
    )

CONTAINER = "etl-sales-target"

# Exit codes that a retry would end with too. Retrying a wrong password would even lock the
# account.
PERMANENT: dict[int | None, str] = {
    2: "wrong usage",
    65: "the reconciliation or a guard failed",
    69: "something needed is missing",
    77: "not allowed",
    78: "configuration",
}

PARAMS = {"full", "from", "to", "allow_shrink"}


class EtlSalesTargetOperator(KubernetesPodOperator):
    """Runs the job in the pod that the PodTemplate `pod_template` in `namespace` describes.

    The DAG run's params determine the job's arguments, the ledger records which try of which DAG
    run it was, and an exit code in PERMANENT fails the task without a retry. If `xcom` is "True",
    the run's report is pushed to XCom.
    """

    template_fields = (*KubernetesPodOperator.template_fields, "pod_template", "xcom")

    def __init__(self, *, pod_template: str, xcom: str = "False", **kwargs: Any) -> None:
        super().__init__(
            name=CONTAINER,
            base_container_name=CONTAINER,
            env_vars={"ETL_TRIGGERED_BY": "{{ ti.dag_id }} {{ run_id }} try {{ ti.try_number }}"},
            # Airflow's own default would override the PodTemplate's.
            termination_message_policy=None,  # type: ignore[arg-type]
            # The cluster might have to add a node for the pod and pull the image.
            startup_timeout_seconds=600,
            # The pod goes however the task ends; log, events and error stay in the task's log.
            on_finish_action="delete_pod",
            deferrable=False,
            log_events_on_failure=True,
            # The pod's spec would print the environment.
            log_pod_spec_on_failure=False,
            **kwargs,
        )
        self.pod_template = pod_template
        self.xcom = xcom

    def execute(self, context: Any) -> Any:
        """Runs the pod until it ends; returns the run's report if XCom is on."""
        self.prepare(context)
        try:
            return super().execute(context)
        except ApiException as error:
            raise AirflowException(
                f"Kubernetes answered {error.status} {error.reason}: {_message(error)} "
                f"(PodTemplate {self.pod_template!r} in namespace {self.namespace!r}; the Airflow "
                "Variable etl_sales_target sets these names, the chart's `airflow` values grant "
                "access.)"
            ) from error

    def prepare(self, context: Any) -> None:
        """Applies this run's params and the Variable. Raises AirflowFailException."""
        self.arguments = job_arguments(context["params"])
        self.do_xcom_push = str(self.xcom).lower() == "true"

    def build_pod_request_obj(self, context: Any = None, **options: Any) -> V1Pod:
        """The pod of the current PodTemplate, with this run's arguments and identity."""
        template = self.client.read_namespaced_pod_template(
            self.pod_template, self.namespace
        ).template
        self.full_pod_spec = V1Pod(metadata=template.metadata, spec=template.spec)
        # The sidecar runs under the same restrictions as the job.
        job = template.spec.containers[0]
        self.xcom_sidecar_container_security_context = job.security_context
        return super().build_pod_request_obj(context, **options)

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod, *args: Any, **kwargs: Any) -> None:
        """Deletes the pod; raises AirflowFailException if a retry would fail too."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException as error:
            reason = PERMANENT.get(_exit_code(remote_pod))
            if not reason:
                raise
            raise AirflowFailException(f"{error}\nNot retried: {reason}.") from error


def job_arguments(params: Mapping[str, Any]) -> list[str]:
    """The arguments of `etl-sales-target` for a run with these params.

    Raises AirflowFailException, before any pod is started, if the params contradict each other.
    """
    unknown = sorted(params.keys() - PARAMS)
    if unknown:
        known = ", ".join(sorted(PARAMS))
        raise AirflowFailException(f"Unknown param {', '.join(unknown)}; the params are {known}.")
    allow_shrink = ["--allow-shrink"] if params["allow_shrink"] else []
    return [
        *_command(full=params["full"], first=params["from"], last=params["to"]),
        *allow_shrink,
    ]


def _command(*, full: bool, first: str | None, last: str | None) -> list[str]:
    if bool(first) != bool(last):
        raise AirflowFailException("Set both params, from and to, or neither.")
    if not (first and last):
        return ["run", "--full"] if full else ["run"]
    if full:
        raise AirflowFailException("Set the params from and to, or full, not both.")
    if last < first:
        raise AirflowFailException(f"The param to, {last}, is before from, {first}.")
    return ["backfill", "--from", first, "--to", last]


def _exit_code(pod: V1Pod) -> int | None:
    statuses = (pod.status and pod.status.container_statuses) or []
    return next(
        (
            status.state.terminated.exit_code
            for status in statuses
            if status.name == CONTAINER and status.state.terminated
        ),
        None,
    )


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (KeyError, TypeError, ValueError):
        return str(error.body)
