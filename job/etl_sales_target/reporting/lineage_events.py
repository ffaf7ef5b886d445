"""The OpenLineage events of a run: START, then COMPLETE or FAIL, with both datasets.

Names follow OpenLineage's naming convention, so that other tools' events of the same tables meet
these. The only module that imports the client library's model at its top: see `lineage`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
)
from openlineage.client.uuid import generate_static_uuid

from etl_sales_target import __version__
from etl_sales_target.core.periods import TableName
from etl_sales_target.core.result import Outcome, Report
from etl_sales_target.core.statements import COLUMNS

# Not the DAG's id: the task in Airflow is a job of its own, and the parent of this one.
_JOB = "etl-sales-target"
_PRODUCER = f"urn:etl-sales-target:{__version__}"

# As Airflow's macro lineage_parent_id writes it: namespace/job/run.
_PARENT = "OPENLINEAGE_PARENT_ID"

_STATES = {Outcome.RUNNING: RunState.START, Outcome.SUCCEEDED: RunState.COMPLETE}

_ORACLE_PORT, _POSTGRES_PORT = "1521", "5432"
_DESCRIPTOR_PART = re.compile(
    r"\(\s*(HOST|PORT|SERVICE_NAME|SID)\s*=\s*([^()\s]+)\s*\)", re.IGNORECASE
)
_EASY_CONNECT = re.compile(
    r"(?:\w+://)?(?P<host>[^:/?]+)(?::(?P<port>\d+))?(?:/(?P<service>[^:/?]*))?.*"
)


@dataclass(frozen=True)
class Datasets:
    """Namespace and name of both tables."""

    source: tuple[str, str]
    target: tuple[str, str]

    @classmethod
    def of(
        cls,
        source: TableName,
        target: TableName,
        oracle: Mapping[str, Any],
        postgres: Mapping[str, Any],
    ) -> "Datasets":
        """Those of these tables, behind these arguments of the two drivers."""
        host, port, service = oracle_address(str(oracle.get("dsn", "")))
        target_host = postgres.get("host") or postgres.get("hostaddr")
        target_port = postgres.get("port", _POSTGRES_PORT)
        database = postgres.get("dbname") or postgres.get("user")
        return cls(
            source=(f"oracle://{host}:{port}", f"{service}.{source}".upper()),
            target=(f"postgres://{target_host}:{target_port}", f"{database}.{target}"),
        )


def event(report: Report, datasets: Datasets) -> RunEvent:
    """The event of a run that is where this report says."""
    namespace = os.environ.get("OPENLINEAGE_NAMESPACE") or "default"
    run_id = str(generate_static_uuid(report.started_at, report.run_id.encode()))
    return RunEvent(
        eventType=_STATES.get(report.outcome, RunState.FAIL),
        eventTime=(report.finished_at or report.started_at).isoformat(),
        run=Run(run_id, facets=_run_facets(report)),
        job=Job(namespace, _JOB, facets=_job_facets()),
        inputs=[_source(report, datasets)],
        outputs=[_target(report, datasets)],
        producer=_PRODUCER,
    )


def _source(report: Report, datasets: Datasets) -> InputDataset:
    statistics: dict[str, InputDatasetFacet] = {}
    if report.rows_source is not None:
        statistics["inputStatistics"] = (
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                rowCount=report.rows_source, size=report.bytes_from_oracle
            )
        )
    return InputDataset(
        *datasets.source, facets={"schema": _schema("NUMBER")}, inputFacets=statistics
    )


def _target(report: Report, datasets: Datasets) -> OutputDataset:
    statistics: dict[str, OutputDatasetFacet] = {}
    if report.outcome is Outcome.SUCCEEDED:
        statistics["outputStatistics"] = (
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=report.rows_copied, size=report.bytes_to_postgres
            )
        )
    facets = {"schema": _schema("NUMERIC"), "columnLineage": _columns(*datasets.source)}
    return OutputDataset(*datasets.target, facets=facets, outputFacets=statistics)


def oracle_address(dsn: str) -> tuple[str, str, str]:
    """Host, port and service (or SID) in a connect string; of an alias, the alias alone."""
    if dsn.lstrip().startswith("("):
        parts: dict[str, str] = {}
        for name, value in _DESCRIPTOR_PART.findall(dsn):
            parts.setdefault(name.upper(), value)
        service = parts.get("SERVICE_NAME") or parts.get("SID", "")
        return parts.get("HOST", ""), parts.get("PORT", _ORACLE_PORT), service
    match = _EASY_CONNECT.fullmatch(dsn)
    if not match:
        return dsn, _ORACLE_PORT, ""
    return match["host"], match["port"] or _ORACLE_PORT, match["service"] or match["host"]


def _schema(column_type: str) -> schema_dataset.SchemaDatasetFacet:
    return schema_dataset.SchemaDatasetFacet(
        fields=[
            schema_dataset.SchemaDatasetFacetFields(
                name=column, type=column_type, ordinal_position=number
            )
            for number, column in enumerate(COLUMNS, start=1)
        ]
    )


def _columns(namespace: str, name: str) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    same = [column_lineage_dataset.Transformation(type="DIRECT", subtype="IDENTITY")]
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            column: column_lineage_dataset.Fields(
                [column_lineage_dataset.InputField(namespace, name, column, same)]
            )
            for column in COLUMNS
        }
    )


def _job_facets() -> dict[str, JobFacet]:
    return {
        "jobType": job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="ETL_SALES_TARGET", jobType="JOB"
        )
    }


def _run_facets(report: Report) -> dict[str, RunFacet]:
    facets: dict[str, RunFacet] = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=report.version, name=_JOB
        )
    }
    if report.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=f"{report.reason}: {report.error}", programmingLanguage="PYTHON"
        )
    namespace, _, rest = os.environ.get(_PARENT, "").partition("/")
    job, _, run = rest.rpartition("/")
    if job:
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=run), job=parent_run.Job(namespace=namespace, name=job)
        )
    return facets
