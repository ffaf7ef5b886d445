"""The log: one line an event, every field in it, and no secret anywhere."""

import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest
import structlog

from etl_sales_target.runtime import logs

SECRET = "Top-Secret"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    for handler in logging.getLogger().handlers[:]:
        if isinstance(handler, logging.NullHandler):
            logging.getLogger().removeHandler(handler)
    logs._secrets.clear()
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """What stands on stderr since the last call."""

    def read() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return read


def fail(text: str) -> None:
    raise ValueError(text)


def test_a_json_line(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "json", run_id="r1")
    structlog.get_logger().info("rows_copied", rows=3, where="größer")
    [line] = lines()
    event = json.loads(line)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event.pop("timestamp"))
    assert event == {
        "event": "rows_copied",
        "level": "info",
        "rows": 3,
        "run_id": "r1",
        "where": "größer",
    }
    assert "größer" in line


def test_a_line_of_text(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "text", run_id="r1")
    structlog.get_logger().warning("retry_scheduled", attempt=2)
    [line] = lines()

    assert re.fullmatch(r"WARNING \d\d:\d\d:\d\d retry_scheduled attempt=2 run_id=r1", line)


def test_long_events_are_several_lines_of_text(lines: Callable[[], list[str]]) -> None:
    """Airflow finds the level where a line begins."""
    logs.configure("INFO", "text", run_id="r1")
    fields = {f"rows_{number}": 1_234_567 for number in range(12)}
    structlog.get_logger().warning("event", said="x" * 120, **fields, two="lines\nhere")
    found = lines()
    assert len(found) == 5
    assert all(line.startswith("WARNING ") for line in found)
    assert [line for line in found if len(line) > 108] == [found[1]]
    assert found[1].strip().endswith("x" * 120)
    assert "rows_11=1,234,567 two='lines\\nhere'" in found[-1]


def test_a_stack_trace_is_lines_of_its_own_in_text(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "text")
    try:
        fail("why")
    except ValueError:
        structlog.get_logger().exception("failed")
    found = lines()
    assert found[0].endswith(" failed")
    assert found[-1] == "ERROR   ValueError: why"
    assert all(line.startswith("ERROR ") for line in found)


def test_what_is_no_terminal_gets_json(lines: Callable[[], list[str]]) -> None:
    logs.configure()
    structlog.get_logger().info("hello")

    assert json.loads(lines()[0])["event"] == "hello"


def test_each_line_is_one_event_whatever_stands_in_it(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "json")
    structlog.get_logger().info("error", text="one\ntwo", nested={"a": [1, "x\ny"]})

    assert len(lines()) == 1


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("WARNING", ["warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
def test_the_level(lines: Callable[[], list[str]], level: str, seen: list[str]) -> None:
    logs.configure(level, "json")
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("said")

    assert [json.loads(line)["level"] for line in lines()] == seen


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_secrets_are_cut_out_everywhere(lines: Callable[[], list[str]], log_format: str) -> None:
    logs.configure("DEBUG", log_format, context=f"x{SECRET}x")
    logs.register_secrets([SECRET, None, ""])
    try:
        fail(f"cannot use {SECRET}")
    except ValueError as error:
        structlog.get_logger().error(
            f"login {SECRET}",
            text=f"password={SECRET};",
            nested={"list": [SECRET, (SECRET, {"deep": SECRET})]},
            exc_info=error,
        )
    text = "\n".join(lines())

    assert SECRET not in text
    assert text.count("***") >= 7
    assert "password=***;" in text


def test_secrets_are_cut_out_of_whatever_is_no_text(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "json")
    logs.register_secrets([SECRET])
    structlog.get_logger().info("event", error=ValueError(SECRET), rows=3, ratio=0.5, last=None)

    event = json.loads(lines()[0])
    assert (event["error"], event["rows"], event["ratio"], event["last"]) == ("***", 3, 0.5, None)


def test_a_secret_in_a_longer_one_leaves_nothing_of_it(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "json")
    logs.register_secrets(["pass", "password-1", "word-1"])
    structlog.get_logger().info("event", text="password-1 pass")

    assert json.loads(lines()[0])["text"] == "*** ***"


def test_a_stack_trace_stands_in_its_line(lines: Callable[[], list[str]]) -> None:
    logs.configure("DEBUG", "json")
    try:
        fail("bad")
    except ValueError:
        structlog.get_logger().debug("traceback", exc_info=True)
    [line] = lines()

    assert "Traceback (most recent call last)" in json.loads(line)["exception"]


def test_words_that_are_no_secrets_stay_whole(lines: Callable[[], list[str]]) -> None:
    logs.configure("INFO", "json")
    logs.register_secrets(["e", "abc"])
    structlog.get_logger().info("event", text="abcde")

    assert json.loads(lines()[0])["text"] == "abcde"


def test_lines_of_libraries_do_not_break_the_format(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[str]]
) -> None:
    # Without pytest's own handlers, as the job runs.
    with monkeypatch.context() as alone:
        alone.setattr(logging.getLogger(), "handlers", [])
        logs.configure("DEBUG", "json")
        logging.getLogger("sqlalchemy").warning("by somebody else")

    assert lines() == []
