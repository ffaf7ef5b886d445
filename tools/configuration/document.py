"""The tables of docs/configuration.md."""

from collections.abc import Iterable

from configuration.sections import replaced
from etl_sales_target.config.description import Group, Setting, Unset


def rendered(document: str, settings: Iterable[Setting]) -> str:
    """The document with the tables of these settings.

    Raises ValueError if it has no section for them.
    """
    settings = tuple(settings)
    parts = [
        f"### {group.value}\n\n{_table(found)}"
        for group in Group
        if (found := [each for each in settings if each.group is group])
    ]
    text = replaced(document, "settings", "\n" + "\n".join(parts) + "\n")
    return replaced(text, "chart", f"\n{_chart_table(settings)}\n")


def _table(settings: Iterable[Setting]) -> str:
    return _lines(
        ("variable", "value", "default", "what it is"),
        (
            (
                f"`{each.variable}`",
                f"{each.kind.words}, **secret**" if each.is_secret else each.kind.words,
                each.default_words,
                each.sentence.replace("](docs/", "]("),
            )
            for each in settings
        ),
    )


def _chart_table(settings: Iterable[Setting]) -> str:
    """The settings that are not simply `settings.VARIABLE` there."""
    return _lines(
        ("variable", "in the chart"),
        ((f"`{each.variable}`", where) for each in settings if (where := _in_chart(each))),
    )


def _in_chart(setting: Setting) -> str:
    where = f"`{setting.chart_value}`"
    if not setting.chart_value:
        return "no value of its own"
    if isinstance(setting.default, Unset) and setting.default.in_chart:
        return f"{where}; if empty, {setting.default.in_chart}"
    return where if setting.chart_value != f"settings.{setting.variable}" else ""


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (f"| {' | '.join(row)} |\n" for row in (head, *rows))
    return "".join([next(lines), "|---" * len(head) + "|\n", *lines])
