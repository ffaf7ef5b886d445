"""The OpenLineage events of a run: START, then COMPLETE or FAIL, with both datasets.

Names follow OpenLineage's naming convention, so that other tools' events of the same tables meet
these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    DatasetFacet,
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
from etl_sales_target.core.columns import Column
from etl_sales_target.core.definitions import TableDefinition
from etl_sales_target.core.result import Outcome, Report

# Not the DAG's id: the task in Airflow is a job of its own, and the parent of this one.
_JOB = "etl-sales-target"
_PRODUCER = f"urn:etl-sales-target:{__version__}"

_STATES = {Outcome.RUNNING: RunState.START, Outcome.SUCCEEDED: RunState.COMPLETE}

_POSTGRES_PORT = "5432"


@dataclass(frozen=True)
class Datasets:
    """Namespace and name of both tables."""

    source: tuple[str, str]
    target: tuple[str, str]


def datasets(
    definition: TableDefinition,
    *,
    source_host: str,
    source_port: int,
    source_service: str,
    target: Mapping[str, str | int],
) -> Datasets:
    """Both tables behind these addresses; `target` has libpq's keywords."""
    host = target.get("host") or target.get("hostaddr")
    port = target.get("port", _POSTGRES_PORT)
    database = target.get("dbname") or target.get("user")
    return Datasets(
        source=(
            f"oracle://{source_host}:{source_port}",
            f"{source_service}.{definition.source}".upper(),
        ),
        target=(f"postgres://{host}:{port}", f"{database}.{definition.target}"),
    )


def event(
    report: Report,
    datasets: Datasets,
    *,
    namespace: str,
    parent: str | None = None,
    columns: Sequence[Column] = (),
) -> RunEvent:
    """The event of a run that is where this report says."""
    # An invocation may load several tables, each a run of a job of its own here.
    name = f"{report.run_id} {report.target}"
    run_id = str(generate_static_uuid(report.started_at, name.encode()))
    return RunEvent(
        eventType=_STATES.get(report.outcome, RunState.FAIL),
        eventTime=(report.finished_at or report.started_at).isoformat(),
        run=Run(run_id, facets=_run_facets(report, parent)),
        job=Job(namespace, f"{_JOB}.{report.target}", facets=_job_facets()),
        inputs=[_source(report, datasets, columns)],
        outputs=[_target(report, datasets, columns)],
        producer=_PRODUCER,
    )


def _source(report: Report, datasets: Datasets, columns: Sequence[Column]) -> InputDataset:
    statistics: dict[str, InputDatasetFacet] = {}
    if report.rows_source is not None:
        statistics["inputStatistics"] = (
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                rowCount=report.rows_source, size=report.bytes_from_oracle
            )
        )
    facets: dict[str, DatasetFacet] = {}
    if columns:
        facets["schema"] = _schema((column.name, column.type.source) for column in columns)
    return InputDataset(*datasets.source, facets=facets, inputFacets=statistics)


def _target(report: Report, datasets: Datasets, columns: Sequence[Column]) -> OutputDataset:
    statistics: dict[str, OutputDatasetFacet] = {}
    if report.outcome is Outcome.SUCCEEDED:
        statistics["outputStatistics"] = (
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=report.rows_inserted, size=report.bytes_to_postgres
            )
        )
    facets: dict[str, DatasetFacet] = {}
    if columns:
        facets["schema"] = _schema((column.name, column.type.target) for column in columns)
        facets["columnLineage"] = _column_lineage(*datasets.source, columns)
    return OutputDataset(*datasets.target, facets=facets, outputFacets=statistics)


def _schema(columns: Iterable[tuple[str, str]]) -> schema_dataset.SchemaDatasetFacet:
    return schema_dataset.SchemaDatasetFacet(
        fields=[
            schema_dataset.SchemaDatasetFacetFields(
                name=name, type=column_type, ordinal_position=number
            )
            for number, (name, column_type) in enumerate(columns, start=1)
        ]
    )


def _column_lineage(
    namespace: str, name: str, columns: Sequence[Column]
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    same = [column_lineage_dataset.Transformation(type="DIRECT", subtype="IDENTITY")]
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            column.name: column_lineage_dataset.Fields(
                [column_lineage_dataset.InputField(namespace, name, column.name, same)]
            )
            for column in columns
        }
    )


def _job_facets() -> dict[str, JobFacet]:
    return {
        "jobType": job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="ETL_SALES_TARGET", jobType="JOB"
        )
    }


def _run_facets(report: Report, parent: str | None) -> dict[str, RunFacet]:
    facets: dict[str, RunFacet] = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=report.version, name=_JOB
        )
    }
    if report.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=f"{report.reason}: {report.error}", programmingLanguage="PYTHON"
        )
    namespace, _, rest = (parent or "").partition("/")
    job, _, run = rest.rpartition("/")
    if job:
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=run), job=parent_run.Job(namespace=namespace, name=job)
        )
    return facets
