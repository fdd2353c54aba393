"""Log lines can be read by people and by machines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from wire.telemetry import configure_logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = structlog.get_config()
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(**settings: object) -> tuple[io.StringIO, structlog.typing.BindableLogger]:
    output = io.StringIO()
    configure_logs(output=output, fields={"node": "n1"}, **settings)  # type: ignore[arg-type]
    return output, structlog.get_logger()


# People read these lines: when, how bad, what, and then who and the rest; words with blanks are quoted.
def test_a_line_is_key_values() -> None:
    output, log = lines()
    log.info("node_ready", address="127.0.0.1:1", text='said "no"\tway')  # type: ignore[attr-defined]
    time, rest = output.getvalue().split(" ", 1)
    assert time.startswith("time=20")
    assert rest == 'level=info event=node_ready node=n1 address=127.0.0.1:1 text="said \\"no\\"\\tway"\n'


# Machines read these: one object per line, whatever is in it.
def test_a_line_is_json() -> None:
    output, log = lines(as_json=True)
    log.warning("peer_unreachable", peer="n2")  # type: ignore[attr-defined]
    line = json.loads(output.getvalue())
    assert (line["level"], line["event"], line["node"], line["peer"]) == ("warning", "peer_unreachable", "n1", "n2")


# What is below the level is not written, nor paid for.
def test_the_level_holds() -> None:
    output, log = lines(level="error")
    log.info("node_ready")  # type: ignore[attr-defined]
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
