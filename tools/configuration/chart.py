"""What the chart says of the settings: values with comments, their schema, the Secret's keys."""

import json
from collections.abc import Iterable
from typing import Any

from configuration.sections import replaced
from etl_sales_target.config.description import Setting, Unset
from etl_sales_target.config.kinds import Text

_SETTINGS, _SECRETS = "settings", "connections"


def values(text: str, settings: Iterable[Setting]) -> str:
    """The chart's values.yaml with these settings and secrets.

    Raises ValueError if it has no section for them.
    """
    settings = tuple(settings)
    for place in (_SETTINGS, _SECRETS):
        content = "".join(
            f"  # -- {_comment(each)}\n  {name}: {_yaml(each)}\n"
            for name, each in _in(place, settings)
        )
        text = replaced(text, place, content, comment="# {}")
    return text


def schema(text: str, settings: Iterable[Setting]) -> str:
    """The chart's values.schema.json with these settings and secrets."""
    document = json.loads(text)
    settings = tuple(settings)
    document["properties"][_SETTINGS]["properties"] = {
        name: _schema(each) for name, each in _in(_SETTINGS, settings)
    }
    document["properties"][_SECRETS]["properties"] |= {
        name: _schema(each) for name, each in _in(_SECRETS, settings)
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def secret_keys(text: str, settings: Iterable[Setting]) -> str:
    """The chart's template of the Secret's keys: each with the value that it holds."""
    pairs = _in(_SECRETS, tuple(settings))
    content = "".join(f"{each.variable}: {name}\n" for name, each in pairs)
    return replaced(text, "secrets", content, comment="{{{{- /* {} */}}}}")


def _in(place: str, settings: Iterable[Setting]) -> list[tuple[str, Setting]]:
    """The settings that this map of the values holds, each with its key there."""
    parts = ((each.chart_value.partition("."), each) for each in settings)
    return [(name, each) for (where, _, name), each in parts if where == place and name]


def _comment(setting: Setting) -> str:
    sentences = [setting.sentence.replace("](docs/", "](../../docs/")]
    if not isinstance(setting.kind, Text):
        sentences.append(f"Accepts {setting.kind.words}.")
    if setting.is_secret:
        sentences.append(f"In a Secret of your own, its key is `{setting.variable}`.")
    elif isinstance(setting.default, Unset):
        sentences.append(f"If empty: {setting.default.in_chart or setting.default.words}.")
    return " ".join(sentences)


def _yaml(setting: Setting) -> str:
    if isinstance(setting.default, Unset):
        return '""'
    return str(setting.default)


def _schema(setting: Setting) -> dict[str, Any]:
    """The schema of the setting's kind; what may be left out may be empty."""
    found = dict(setting.kind.schema)
    if isinstance(setting.default, Unset):
        if "pattern" in found:
            found["pattern"] = f"^$|{found['pattern']}"
        if "enum" in found:
            found["enum"] = ["", *found["enum"]]
    return found
