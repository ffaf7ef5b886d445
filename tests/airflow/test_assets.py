"""The events that wake other DAGs."""

from types import MappingProxyType
from typing import Any

import pytest
from etl_sales_target_operator import EtlSalesTargetOperator

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:  # Airflow 2
    from airflow.utils.context import OutletEventAccessors

from support.chart import RELEASE


class TestAssets:
    """The events that a run emits, once it has its report."""

    REPORT = MappingProxyType(
        {
            "run_id": "r1",
            "run_number": 7,
            "snapshot": "2026-01-02T00:00:01",
            "target": "mb.sales_target",
            "rows_inserted": 3,
            "rows_deleted": 2,
            "rows_target": 24,
            "rows_read": 5,
        }
    )

    def emitted(self, operator: Any, report: Any) -> list[tuple[str, dict[str, Any]]]:
        events = OutletEventAccessors()
        operator._emit_assets({"outlet_events": events}, report)
        [alias] = operator.outlets
        found = events[alias]
        added = getattr(found, "asset_alias_events", None)
        if added is None:
            added = found.dataset_alias_events  # type: ignore[attr-defined]
            return [(each["dest_dataset_uri"], each["extra"]) for each in added]
        return [(each.dest_asset_key.uri, each.extra) for each in added]

    def test_of_a_run_that_changed_rows(self, operator: Any) -> None:
        [(uri, extra)] = self.emitted(operator, dict(self.REPORT))
        assert uri == "x-etl-sales-target://mb.sales_target"
        kept = ("run_id", "run_number", "snapshot", "rows_inserted", "rows_deleted", "rows_target")
        assert extra == {name: self.REPORT[name] for name in kept}

    @pytest.mark.parametrize("wanted", [True, False])
    def test_of_a_run_that_changed_nothing(self, operator: Any, wanted: bool) -> None:
        operator.assets_when_unchanged = wanted
        unchanged = {**self.REPORT, "rows_inserted": 0, "rows_deleted": 0}
        assert len(self.emitted(operator, unchanged)) == wanted

    def test_of_several_tables(self, operator: Any) -> None:
        operator.asset_uri = "postgres://db.example:5432/warehouse/{schema}/{name}"
        other = {**self.REPORT, "target": "mb.b$1", "rows_deleted": 0}
        uris = [uri for uri, _ in self.emitted(operator, [dict(self.REPORT), other])]
        assert uris == [
            "postgres://db.example:5432/warehouse/mb/sales_target",
            "postgres://db.example:5432/warehouse/mb/b%241",
        ]

    def test_that_airflow_refuses_are_refused_before_any_run(self) -> None:
        with pytest.raises(ValueError, match="reserved"):
            EtlSalesTargetOperator(
                task_id="load", pod_template=RELEASE, asset_uri="airflow://{table}"
            )

    def test_need_a_report(self, operator: Any) -> None:
        assert self.emitted(operator, None) == []
