"""`make configuration`: writes the files that describe the settings."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from configuration import chart, document, values_table
from etl_sales_target.config.description import Setting
from etl_sales_target.config.settings import all_settings

PROJECT = Path(__file__).parents[2]
CHART = Path("helm/etl-sales-target")


def written(settings: Iterable[Setting], project: Path = PROJECT) -> Mapping[Path, str]:
    """Each file that describes these settings, by its path in the project, and its text.

    Raises ValueError if a file lacks a section for them, or a value its comment.
    """
    settings = tuple(settings)

    def text(path: Path) -> str:
        return (project / path).read_text(encoding="utf-8")

    made = {
        path: render(text(path), settings)
        for path, render in (
            (Path("docs/configuration.md"), document.rendered),
            (CHART / "values.yaml", chart.values),
            (CHART / "values.schema.json", chart.schema),
            (CHART / "templates/_secrets.tpl", chart.secret_keys),
        )
    }
    readme = CHART / "README.md"
    return {**made, readme: values_table.rendered(text(readme), made[CHART / "values.yaml"])}


def main() -> None:
    """Writes them."""
    for path, text in written(all_settings()).items():
        (PROJECT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
