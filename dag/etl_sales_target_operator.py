"""The DAG's operators: the PodTemplate says what runs, the exit code decides on a retry."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.client import NOT_FOUND
from typing import Any
from urllib.parse import quote

import etl_sales_target_connections as connections_secret
import etl_sales_target_release as release
import etl_sales_target_stopping as stopping
from airflow.providers.cncf.kubernetes.backcompat.backwards_compat_converters import (
    convert_env_vars,
)
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    Asset,
    AssetAlias,
    BaseOperator,
)
from etl_sales_target_arguments import chosen_tables, job_arguments
from kubernetes.client import V1EnvVar, V1Pod
from kubernetes.client.exceptions import ApiException

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

# What a node may need beyond the grace period until a pod is gone.
_DELETION_MARGIN = timedelta(seconds=30)
_DELETION_CHECK_SECONDS = 1

# Airflow checks nothing about the rest of a URI whose scheme begins so.
ASSET_URI = "x-etl-sales-target://{table}"

# What a triggered DAG learns of the run, by the report's names.
_EXTRA = ("run_id", "run_number", "snapshot", "rows_inserted", "rows_deleted", "rows_target")


class EtlTablesOperator(BaseOperator):
    """Returns the targets of the release that the DAG run's params choose, one task for each."""

    template_fields: Sequence[str] = ("kubernetes_conn_id", "namespace", "pod_template")

    def __init__(
        self,
        *,
        pod_template: str,
        namespace: str,
        kubernetes_conn_id: str = KubernetesHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pod_template = pod_template
        self.namespace = namespace
        self.kubernetes_conn_id = kubernetes_conn_id

    def execute(self, context: Any) -> list[str]:
        """Reads the PodTemplate. Raises AirflowFailException for params that cannot be meant."""
        client = KubernetesHook(conn_id=self.kubernetes_conn_id).core_v1_client
        with release.explained(self.pod_template, self.namespace):
            found = release.read(client, self.pod_template, self.namespace)
        tables: list[str] = chosen_tables(found.tables, context["params"])
        return tables


class EtlSalesTargetOperator(KubernetesPodOperator):
    """Runs the job in the pod that the PodTemplate `pod_template` in `namespace` describes.

    Its parameters, besides those of KubernetesPodOperator, which all keep their meaning:

    - `table`: the target to load; if None, all of the release.
    - `arguments`: the job's arguments; if None, the DAG run's params determine them.
    - `xcom`: if "True", push the run's report to XCom.
    - `connections`: "True" to take the connections from Airflow, "False" to take them from the
      release's Secret; if empty, the release decides.
    - `oracle_conn_id`, `postgres_conn_id`: those connections.
    - `log_format`: "text" for the readers of Airflow's log, "json" for a collector of pods' logs.
    - `asset_uri`: the asset of a table, with `{table}` for its target or `{schema}` and `{name}`
      for the target's parts. Each AssetAlias in `outlets` (DatasetAlias in Airflow 2) gets an event
      for it if the run changed rows, with the report's most important fields. This needs `xcom`.
    - `assets_when_unchanged`: emit the event even if the run changed no row.

    The ledger records which try of which DAG run it was. An exit code in PERMANENT fails the task
    without a retry.
    """

    template_fields = (
        *KubernetesPodOperator.template_fields,
        "pod_template", "table", "xcom", "connections", "log_format", "oracle_conn_id",
        "postgres_conn_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        pod_template: str,
        table: str | None = None,
        xcom: str = "False",
        connections: str = "",
        log_format: str = "text",
        oracle_conn_id: str = "oracle_conn_id",
        postgres_conn_id: str = "postgres_conn_id",
        asset_uri: str = ASSET_URI,
        assets_when_unchanged: bool = False,
        name: str = CONTAINER,
        base_container_name: str = CONTAINER,
        # The cluster might have to add a node for the pod and pull the image.
        startup_timeout_seconds: int = 600,
        log_events_on_failure: bool = True,
        # The pod's spec would print the environment.
        log_pod_spec_on_failure: bool = False,
        # Airflow's own default would override the PodTemplate's.
        termination_message_policy: str | None = None,
        # Only one container's log is shown.
        container_name_log_prefix_enabled: bool = False,
        # Airflow's setting [operators] default_deferrable, if None.
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if deferrable is not None:
            kwargs["deferrable"] = deferrable
        super().__init__(
            name=name,
            base_container_name=base_container_name,
            startup_timeout_seconds=startup_timeout_seconds,
            log_events_on_failure=log_events_on_failure,
            log_pod_spec_on_failure=log_pod_spec_on_failure,
            container_name_log_prefix_enabled=container_name_log_prefix_enabled,
            termination_message_policy=termination_message_policy,  # type: ignore[arg-type]
            **kwargs,
        )
        self.pod_template = pod_template
        self.table = table
        self.xcom = xcom
        self.connections = connections
        self.log_format = log_format
        self.oracle_conn_id = oracle_conn_id
        self.postgres_conn_id = postgres_conn_id
        self.asset_uri = asset_uri
        # Known once a task runs; `on_kill` has no other way to it.
        self._ti: Any = None
        self._is_pod_left = False
        # One that Airflow refuses must not fail a run that has loaded.
        self._asset("schema.name")
        self.assets_when_unchanged = assets_when_unchanged

    def execute(self, context: Any) -> Any:
        """Runs the pod until it ends; returns the run's report if XCom is on."""
        self.prepare(context)
        with release.explained(self.pod_template, self.namespace):
            report = super().execute(context)
        self._emit_assets(context, report)
        return report

    def trigger_reentry(self, context: Any, event: dict[str, Any]) -> Any:
        """The same, for a deferred task whose pod has ended."""
        self.prepare(context)
        with release.explained(self.pod_template, self.namespace):
            report = super().trigger_reentry(context, event)
        self._emit_assets(context, report)
        return report

    def prepare(self, context: Any) -> None:
        """Applies this run's params and the Variable. Raises AirflowFailException."""
        self._ti = context.get("ti")
        self.arguments = self.arguments or job_arguments(context["params"], self.table)
        self.do_xcom_push = _is_true(self.xcom)

    def build_pod_request_obj(self, context: Any = None, **options: Any) -> V1Pod:
        """The pod of the current PodTemplate, with this run's arguments and identity."""
        found = release.read(self.client, self.pod_template, str(self.namespace))
        self.full_pod_spec = found.pod
        job = found.pod.spec.containers[0]
        defaults = {
            "ETL_LOG_FORMAT": self.log_format,
            **(self._identity(context) if context else {}),
        }
        self.env_vars = _merged(defaults, self.env_vars)
        # What is set here replaces what the release sets.
        own = {each.name for each in self.env_vars}
        job.env = [each for each in job.env or [] if each.name not in own]
        # The sidecar runs under the same restrictions as the job.
        self.xcom_sidecar_container_security_context = job.security_context
        pod = super().build_pod_request_obj(context, **options)
        if _is_true(self.connections) if self.connections else found.wants_connections:
            connections_secret.mount(pod)
        return pod

    def get_or_create_pod(self, pod_request_obj: V1Pod, context: Any) -> V1Pod:
        """The pod, which may be that of an earlier try; it has Airflow's connections if need be."""
        if self.reattach_on_restart:
            self._await_end_of_deleted_pod(pod_request_obj.metadata.namespace, context)
        if not connections_secret.is_expected(pod_request_obj):
            return super().get_or_create_pod(pod_request_obj, context)
        # Read first: without them, no pod is started.
        values = connections_secret.read(
            {
                connections_secret.ORACLE: self.oracle_conn_id,
                connections_secret.POSTGRES: self.postgres_conn_id,
            }
        )
        pod = super().get_or_create_pod(pod_request_obj, context)
        try:
            existing = self.hook.get_pod(pod.metadata.name, pod.metadata.namespace)
            connections_secret.create(self.client, existing, values)
        except ApiException:
            # It would wait for its Secret for ever.
            self.pod_manager.delete_pod(pod)
            raise
        return pod

    def _await_end_of_deleted_pod(self, namespace: str, context: Any) -> None:
        """A pod that is being deleted, as after its task was cleared, must not be taken over."""
        pod = self.find_pod(namespace, context=context)
        if pod is None or not pod.metadata.deletion_timestamp:
            return
        self.log.info("Pod %s is being deleted: waiting for its end", pod.metadata.name)
        # Airflow then finds it no more; the job's lock would hold up a pod beside it.
        self.patch_already_checked(pod, reraise=False)
        latest = pod.metadata.deletion_timestamp + _DELETION_MARGIN
        while datetime.now(UTC) < latest and self._exists(pod):
            time.sleep(_DELETION_CHECK_SECONDS)

    def _exists(self, pod: V1Pod) -> bool:
        try:
            found = self.hook.get_pod(pod.metadata.name, pod.metadata.namespace)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            return False
        return bool(found.metadata.uid == pod.metadata.uid)

    def on_kill(self) -> None:
        """Deletes the pod, unless only the worker ends: then the next try takes it over."""
        if self.reattach_on_restart and self._ti and stopping.is_pod_wanted(self._ti):
            self._is_pod_left = True
            self.log.info("The pod is left running: the next try takes it over")
            return
        super().on_kill()

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod, *args: Any, **kwargs: Any) -> None:
        """Deletes the pod; raises AirflowFailException if a retry would fail too."""
        if self._is_pod_left and stopping.is_worker_ending():
            return
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException as error:
            reason = PERMANENT.get(_exit_code(remote_pod, self.base_container_name))
            if not reason:
                raise
            raise AirflowFailException(f"{error}\nNot retried: {reason}.") from error
        finally:
            self._delete_connections(remote_pod or pod)
        if self._killed:
            # Airflow 3 lets the task go on, and would take its end for a success.
            raise AirflowException("The task was stopped, and its pod with it.")

    def _identity(self, context: Mapping[str, Any]) -> dict[str, str]:
        """What the job is told about the task that started it."""
        ti = context["ti"]
        identity = {"ETL_TRIGGERED_BY": f"{ti.dag_id} {context['run_id']} try {ti.try_number}"}
        try:
            # An Airflow without lineage does not have it.
            from airflow.providers.openlineage.plugins.macros import (  # noqa: PLC0415
                lineage_parent_id,
            )

            return identity | {"OPENLINEAGE_PARENT_ID": lineage_parent_id(ti)}
        except ImportError:
            return identity
        except Exception as error:  # noqa: BLE001 - lineage is no reason not to load
            self.log.warning("OpenLineage has no name for this task: %s", error)
            return identity

    def _delete_connections(self, pod: V1Pod | None) -> None:
        if pod is None or not connections_secret.is_expected(pod):
            return
        try:
            connections_secret.delete(self.client, pod)
        except ApiException as error:
            # It goes with its pod all the same.
            self.log.warning("The pod's Secret was not deleted: %s %s", error.status, error.reason)

    def _emit_assets(self, context: Any, report: Any) -> None:
        """An event for each table that changed, in the name of each alias among the outlets."""
        aliases = [outlet for outlet in self.outlets if isinstance(outlet, AssetAlias)]
        for table in report if isinstance(report, list) else [report] if report else []:
            changed = table.get("rows_inserted", 0) + table.get("rows_deleted", 0)
            if not (changed or self.assets_when_unchanged):
                continue
            extra = {name: table.get(name) for name in _EXTRA}
            for alias in aliases:
                context["outlet_events"][alias].add(self._asset(table["target"]), extra=extra)

    def _asset(self, target: str) -> Asset:
        """The asset of a table. Raises ValueError if Airflow takes no such URI."""
        schema, _, name = (quote(part, safe="") for part in target.partition("."))
        return Asset(self.asset_uri.format(table=f"{schema}.{name}", schema=schema, name=name))


def _merged(defaults: Mapping[str, str], given: Any) -> list[V1EnvVar]:
    """The variables given, a mapping or a list, and those of the defaults that they leave out."""
    variables = list(convert_env_vars(given or []))
    names = {each.name for each in variables}
    added = {name: value for name, value in defaults.items() if name not in names}
    return [*convert_env_vars(added), *variables]


def _is_true(text: object) -> bool:
    """What a template rendered: `True` or `true`, or the boolean itself."""
    return str(text).lower() == "true"


def _exit_code(pod: V1Pod | None, container: str) -> int | None:
    statuses = (pod and pod.status and pod.status.container_statuses) or []
    return next(
        (
            status.state.terminated.exit_code
            for status in statuses
            if status.name == container and status.state.terminated
        ),
        None,
    )
