"""docs/report.schema.json has every field of a report and every reason, and no other."""

import dataclasses

from etl_sales_target.core import errors
from etl_sales_target.core.result import Report
from support.documents import REPORT_SCHEMA


def test_the_schema_has_every_field_and_no_other() -> None:
    fields = {field.name for field in dataclasses.fields(Report)}
    assert REPORT_SCHEMA["properties"].keys() == set(REPORT_SCHEMA["required"]) == fields
    assert set(REPORT_SCHEMA["properties"]["reason"]["enum"]) == {None, *errors.Reason}
