"""Log lines can be read by people and by machines."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from wire.telemetry import EventLog, configure_logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    loggers = (logging.root, logging.getLogger("globetable"))
    handlers, levels = logging.root.handlers[:], [logger.level for logger in loggers]
    yield
    logging.root.handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def lines(**settings: Any) -> tuple[io.StringIO, EventLog]:
    output = io.StringIO()
    configure_logs(output=output, fields={"node": "n1"}, **settings)
    return output, EventLog("node.main")


# People read these lines: when, how bad, what, and then who and the rest; words with blanks are quoted.
def test_a_line_is_key_values() -> None:
    output, log = lines()
    log.info("node_ready", address="127.0.0.1:1", text='said "no"\tway')
    time, rest = output.getvalue().split(" ", 1)
    assert time.startswith("time=20")
    assert rest == 'level=info event=node_ready node=n1 address=127.0.0.1:1 text="said \\"no\\"\\tway"\n'


# Machines read these: one object per line, whatever is in it.
def test_a_line_is_json() -> None:
    output, log = lines(as_json=True)
    log.warning("peer_unreachable", peer="n2")
    line = json.loads(output.getvalue())
    assert (line["level"], line["event"], line["node"], line["peer"]) == ("warning", "peer_unreachable", "n1", "n2")


# A field is whatever its writer has at hand; a line must not be lost because JSON has no word for it.
def test_a_line_is_json_whatever_its_fields_are() -> None:
    output, log = lines(as_json=True)
    log.info("link_set", key=b"k", members={1})
    line = json.loads(output.getvalue())
    assert (line["key"], line["members"]) == ("b'k'", "{1}")


# The traceback of what is handled, or of what was kept for later, ends the line.
def test_a_line_has_its_traceback() -> None:
    output, log = lines()
    try:
        raise ValueError("broken")
    except ValueError as error:
        log.exception("sweep_failed", partition=1)
        log.error("node_failed", exc_info=error)
    first, second = output.getvalue().split("time=")[1:]
    assert 'event=sweep_failed node=n1 partition=1 exception="Traceback' in first
    assert 'event=node_failed node=n1 exception="Traceback' in second
    assert first.endswith('ValueError: broken"\n')


# What is below the level is not written, nor paid for.
def test_the_level_holds() -> None:
    output, log = lines(level="error")
    log.info("node_ready")
    assert output.getvalue() == ""


# A library's complaint must not be a stray line that the reader of JSON stumbles over.
def test_libraries_speak_the_same_way() -> None:
    output, _ = lines(as_json=True)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("asyncio").exception("task failed")
    line = json.loads(output.getvalue())
    assert (line["event"], line["logger"], line["message"]) == ("library_message", "asyncio", "task failed")
    assert "ValueError: broken" in line["exception"]
