"""Guards stop a load that would do harm; warnings name what is odd in the source."""

from collections.abc import Iterator

from etl_sales_target.core.errors import DataError, Reason
from etl_sales_target.core.plan import Plan


class GuardError(DataError):
    """The source looks as if it had lost its rows."""

    reason = Reason.GUARD_REFUSED


def check_shrink(plan: Plan, max_shrink_percent: int) -> None:
    """Raises GuardError where the source is empty, or far smaller than the last load left it."""
    rows, loaded = plan.rows_source, sum(plan.loaded_rows.values())
    remedy = (
        "Nothing was changed. See whether the source is right (its view, its synonym, this user's "
        "security policy); if it is, run once with --allow-shrink."
    )
    if rows == 0:
        raise GuardError("The source is empty.", remedy=remedy, guard="empty")
    shrink_percent = 100 * (loaded - rows) / loaded if loaded else 0
    if shrink_percent > max_shrink_percent:
        raise GuardError(
            f"The source shrank by {shrink_percent:.1f} % since the last load, from {loaded} to "
            f"{rows} rows; ETL_MAX_SHRINK_PERCENT allows {max_shrink_percent}.",
            remedy=remedy,
            guard="shrink",
        )


def warnings(plan: Plan, repeated_ids: int) -> Iterator[str]:
    """A sentence for each thing in the source that is probably a mistake there."""
    if repeated_ids:
        yield f"{repeated_ids} rows repeat the id of another row."
    for column in ("id", "product_id", "target_year", "target_month"):
        nulls = sum(
            digest.totals.rows - digest.totals.non_null[column] for digest in plan.source.values()
        )
        if nulls:
            yield f"{nulls} rows have no {column}."
    odd = [
        (period, digest.totals.rows)
        for period, digest in plan.source.items()
        if period.year is not None and period.month is not None and not period.is_calendar_month
    ]
    if odd:
        months = ", ".join(sorted({str(period.month) for period, _ in odd})[:5])
        yield f"{sum(rows for _, rows in odd)} rows have a month outside 1-12: {months}."
