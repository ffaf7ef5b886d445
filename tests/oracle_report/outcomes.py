"""How the tests went: counts, seconds and error codes by file, from pytest's JUnit file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from oracle_report.server import codes


@dataclass
class Outcome:
    """Of the tests of one file."""

    passed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: dict[str, list[str]] = field(default_factory=dict)


def read(file: Path) -> dict[str, Outcome]:
    """The outcomes by module. A failed test's parameters are left out: they may be values."""
    found: dict[str, Outcome] = {}
    for case in ElementTree.parse(file).iter("testcase"):  # noqa: S314 - pytest's own
        outcome = found.setdefault(case.attrib["classname"], Outcome())
        outcome.seconds += float(case.attrib["time"])
        messages = [*case.iter("failure"), *case.iter("error")]
        if messages:
            name = case.attrib["name"].partition("[")[0]
            said = " ".join(f"{each.get('message')} {each.text}" for each in messages)
            outcome.failed[name] = sorted({*outcome.failed.get(name, []), *codes(said)})
        elif case.find("skipped") is not None:
            outcome.skipped += 1
        else:
            outcome.passed += 1
    return found


def table(outcomes: dict[str, Outcome]) -> Iterable[str]:
    """A row of a Markdown table for each module, and the sum."""
    yield "| tests | passed | failed | skipped | seconds |"
    yield "|---|---:|---:|---:|---:|"
    for module, each in sorted(outcomes.items()):
        yield _row(f"`{module.removeprefix('tests.integration.')}`", [each])
    yield _row("all", list(outcomes.values()))
    for module, each in sorted(outcomes.items()):
        for name, found in each.failed.items():
            yield f"\nFailed: `{module}.{name}` {', '.join(found)}".rstrip()


def _row(name: str, every: Sequence[Outcome]) -> str:
    passed, failed, skipped = (
        sum(each.passed for each in every),
        sum(len(each.failed) for each in every),
        sum(each.skipped for each in every),
    )
    seconds = sum(each.seconds for each in every)
    return f"| {name} | {passed} | {failed} | {skipped} | {seconds:.1f} |"
