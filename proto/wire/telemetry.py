"""Logs as every process writes them: one event per line, on standard output, as key=value or JSON.

Events are constant snake_case names; everything that varies is a field. They go the way of the standard library's logging, so that
messages of libraries stand in the same lines, as the event `library_message`.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

LOG_FORMATS = ("text", "json")
LOG_FORMAT_VARIABLE = "GLOBETABLE_LOG_FORMAT"

_ROOT = "globetable"  # the parent of all our loggers: they may say more than libraries do


class EventLog:
    """Where one module writes its events, each with a name and fields. `exc_info` is as in the standard library's logging."""

    def __init__(self, module: str) -> None:
        self._logger = logging.getLogger(f"{_ROOT}.{module}")

    def debug(self, event: str, /, *, exc_info: Any = None, **fields: object) -> None:
        """Write what only somebody who looks for a mistake wants to know."""
        self._write(logging.DEBUG, event, exc_info, fields)

    def info(self, event: str, /, *, exc_info: Any = None, **fields: object) -> None:
        """Write what an operator may want to know."""
        self._write(logging.INFO, event, exc_info, fields)

    def warning(self, event: str, /, *, exc_info: Any = None, **fields: object) -> None:
        """Write what went wrong and is expected to mend itself."""
        self._write(logging.WARNING, event, exc_info, fields)

    def error(self, event: str, /, *, exc_info: Any = None, **fields: object) -> None:
        """Write what somebody has to look at."""
        self._write(logging.ERROR, event, exc_info, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """Write an error with the traceback of the exception that is being handled."""
        self._write(logging.ERROR, event, True, fields)

    def _write(self, level: int, event: str, exc_info: Any, fields: dict[str, object]) -> None:
        self._logger.log(level, event, exc_info=exc_info, extra={"fields": fields})


def configure_logs(
    *, level: str = "info", as_json: bool = False, fields: Mapping[str, str] | None = None, output: TextIO | None = None
) -> None:
    """Set up logging of this process; `fields` (who is speaking) stand in every line. Call it once, before the first line."""
    number = LEVELS.get(level, logging.INFO)
    handler = logging.StreamHandler(output or sys.stdout)
    handler.setFormatter(_LineFormatter(as_json, dict(fields or {})))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.getLogger(_ROOT).setLevel(number)


def log_format_default() -> str:
    """Return the format of logs that the environment asks for: `json` in containers, else `text`."""
    return "json" if os.environ.get(LOG_FORMAT_VARIABLE) == "json" else "text"


class _LineFormatter(logging.Formatter):
    """Puts what a reader looks for first in front: when, how bad, what, who; then the event's fields."""

    def __init__(self, as_json: bool, fields: dict[str, str]) -> None:
        super().__init__()
        self._as_json = as_json
        self._fields = fields

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line, unless it is key=value and has a traceback: that keeps its line ends."""
        line = {"time": _time_text(record.created), "level": record.levelname.lower(), **self._event(record)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str) if self._as_json else _key_values(line)

    def _event(self, record: logging.LogRecord) -> dict[str, object]:
        fields: dict[str, object] | None = getattr(record, "fields", None)
        if fields is not None:
            return {"event": record.msg, **self._fields, **fields}
        return {"event": "library_message", **self._fields, "logger": record.name, "message": record.getMessage()}


def _time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _key_values(line: Mapping[str, object]) -> str:
    return " ".join(f"{key}={_text(value)}" for key, value in line.items())


def _text(value: object) -> str:
    """Return a value as one word; what has blanks, quotes or line ends is quoted."""
    text = str(value)
    if text and not any(character in text for character in ' "=\n\r\t'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\t", "\\t")
    # A traceback stays readable: its line ends are kept, inside the quotes.
    return f'"{escaped}"'
