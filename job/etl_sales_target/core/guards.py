"""Guards stop a load that would do harm; warnings name what is odd in the source."""

from collections.abc import Iterator

from etl_sales_target.core.definitions import TableLayout
from etl_sales_target.core.errors import DataError, Reason
from etl_sales_target.core.plan import Plan


class GuardError(DataError):
    """The source looks as if it had lost its rows."""

    reason = Reason.GUARD_REFUSED


def check_shrink(plan: Plan, max_shrink_percent: int) -> None:
    """Raises GuardError where the source is empty, or far smaller than the target.

    What stands in the target counts, as well as what the last loads left there: the rows may be
    somebody else's, or what is on record of them may be gone.
    """
    rows = plan.rows_source
    loaded = plan.rows_loaded
    known = max(loaded, sum(plan.target_rows.values()))
    remedy = (
        "Nothing was changed. See whether the source is right (its view, its synonym, this user's "
        "security policy); if it is, run once with --allow-shrink."
    )
    if rows == 0:
        raise GuardError("The source is empty.", remedy=remedy, guard="empty")
    shrink_percent = 100 * (known - rows) / known if known else 0
    if shrink_percent > max_shrink_percent:
        whose = "the last load left" if loaded == known else "the target has"
        raise GuardError(
            f"The source has {rows} rows and {whose} {known}: {shrink_percent:.1f} % would be "
            f"lost, and ETL_MAX_SHRINK_PERCENT allows {max_shrink_percent}.",
            remedy=remedy,
            guard="shrink",
        )


def warnings(plan: Plan, layout: TableLayout, repeated_keys: int) -> Iterator[str]:
    """A sentence for each thing in the source that is probably a mistake there."""
    key, period = layout.definition.key, layout.definition.period
    if repeated_keys:
        yield f"{repeated_keys} rows repeat the {', '.join(key)} of another row."
    for column in dict.fromkeys((*key, *(period.columns if period else ()))):
        position = layout.position(column)
        nulls = sum(
            digest.totals.rows - digest.totals.non_null[position] for digest in plan.source.values()
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
