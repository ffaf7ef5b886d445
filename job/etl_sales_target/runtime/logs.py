"""Logs: one line an event on stderr, JSON or, for people, text. Secrets are cut out."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_HIDDEN = "***"
# Shorter secrets would cut ordinary words to pieces, and are none.
_SHORTEST_SECRET = 4


def configure(level: str = "INFO", log_format: str | None = None, **context: str) -> None:
    """Sets up logging for the process; `context` stands on every line, as the run id does."""
    as_json = (log_format or ("text" if sys.stderr.isatty() else "json")) == "json"
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
        *([_without_shown_fields, _json()] if as_json else [_humanize, _text()]),
    ]
    global _shows_bars  # noqa: PLW0603 - the process has one log
    _shows_bars = not as_json and sys.stderr.isatty()
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=_AboveTheBar()),  # type: ignore[arg-type]
    )
    # What libraries have to say reaches us as errors; lines of their own would break the format.
    logging.getLogger().addHandler(logging.NullHandler())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**context)


def shows_bars() -> bool:
    """Whether a reader's terminal shows the log, so that a progress bar fits below it."""
    return _shows_bars


_shows_bars = False


def register_secrets(secrets: Iterable[str | None]) -> None:
    """From now on these never stand in a line, whatever message carries them."""
    _secrets.update(secret for secret in secrets if secret and len(secret) >= _SHORTEST_SECRET)


_secrets: set[str] = set()


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: redact(value) for key, value in event.items()}


def redact(value: Any) -> Any:
    """The same value with every hidden secret cut out of it; what JSON has no form for, as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: redact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each) for each in value]
    text = str(value)
    # The longest first: a shorter one may be a part of it.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def shown(*fields: str) -> dict[str, tuple[str, ...]]:
    """For a call of the log: on a terminal, the line has these of its fields alone."""
    return {_SHOWN_FIELDS: fields}


def _without_shown_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop(_SHOWN_FIELDS, None)
    return event


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _text() -> Processor:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(colors=True, pad_event_to=16, sort_keys=False)
    return _plain


# As far as a reader of Airflow's pages sees without scrolling.
_LINE_WIDTH = 100


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """An event as lines that each begin with its level, where Airflow looks for it."""
    level, exception = event.pop("level").upper(), event.pop("exception", "")
    lines = [f"{event.pop('timestamp')} {event.pop('event')}"]
    indent = " " * len(lines[0])
    for name, value in event.items():
        field = f" {name}={_on_one_line(value)}"
        if len(lines[-1]) + len(field) > _LINE_WIDTH and lines[-1] != indent:
            lines.append(indent)
        lines[-1] += field
    lines += exception.splitlines()
    return "\n".join(f"{level:<7} {line}" for line in lines)


def _on_one_line(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)


# A line's fields for a reader of a terminal, where it has too many; JSON has them all.
_SHOWN_FIELDS = "_shown_fields"
_ALWAYS = ("event", "level", "timestamp")


def _humanize(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What fits on a terminal: numbers easy to read, the run's id only where it is needed."""
    kept = event.pop(_SHOWN_FIELDS, tuple(event))
    if event["level"] == "info" and not event["event"].startswith("run_"):
        kept = tuple(key for key in kept if key != "run_id")
    return {
        key: value if key in _ALWAYS else _in_words(value)
        for key, value in event.items()
        if key in (*_ALWAYS, *kept) and value not in (None, "")
    }


def _in_words(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{_in_words(each)} {key}" for key, each in value.items() if each) or "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value


class _AboveTheBar:
    """A stream that lets a progress bar on the same terminal stay below what is written.

    A line that cannot be written is lost; it is no reason to fail.
    """

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            if _shows_bars:
                from tqdm import tqdm  # noqa: PLC0415

                tqdm.write(text, file=sys.stderr, end="")
            else:
                sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
