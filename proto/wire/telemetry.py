"""Logs as every process writes them: one event per line, on standard output, as key=value or JSON.

Events are constant snake_case names; everything that varies is a field. Messages of libraries come as the event `library_message`.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(
    *, level: str = "info", as_json: bool = False, fields: Mapping[str, str] | None = None, output: TextIO | None = None
) -> None:
    """Set up logging of this process; `fields` (who is speaking) stand in every line. Call it once, before the first line."""
    number = LEVELS.get(level, logging.INFO)
    structlog.configure(
        processors=_processors(as_json, dict(fields or {})),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=output or sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=max(number, logging.WARNING), force=True)


def _processors(as_json: bool, fields: dict[str, str]) -> list[Processor]:
    def add_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    return [
        add_fields,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _first_keys,
        structlog.processors.JSONRenderer() if as_json else _key_values,
    ]


def _first_keys(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put what a reader looks for first in front: when, how bad, what."""
    first = {key: event.pop(key) for key in ("time", "level", "event") if key in event}
    return {**first, **event}


def _key_values(_: WrappedLogger, __: str, event: EventDict) -> str:
    return " ".join(f"{key}={_text(value)}" for key, value in event.items())


def _text(value: Any) -> str:
    """Return a value as one word; what has blanks, quotes or line ends is quoted."""
    text = str(value)
    if text and not any(character in text for character in ' "=\n\r\t'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\t", "\\t")
    # A traceback stays readable: its line ends are kept, inside the quotes.
    return f'"{escaped}"'


class _ToStructlog(logging.Handler):
    """Hand a library's log records on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one event."""
        fields = {"logger": record.name, "message": record.getMessage()}
        structlog.get_logger("library").log(record.levelno, "library_message", exc_info=record.exc_info, **fields)
