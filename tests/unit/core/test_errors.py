"""An error reads as what happened and what to do."""

from etl_sales_target.core.errors import JobError


def test_an_error_reads_as_what_happened_and_what_to_do() -> None:
    error = JobError("It broke.", code="ORA-00600", remedy="Mend it.", phase="copy")

    assert str(error) == "It broke. Mend it."
    assert str(JobError("It broke.")) == "It broke."
    assert (error.code, error.fields) == ("ORA-00600", {"phase": "copy"})
