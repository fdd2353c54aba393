"""What a test's subject has logged, as one dict per event: its name under "event", its level, and its fields."""

import logging
from typing import Any

import pytest


def listen(caplog: pytest.LogCaptureFixture) -> None:
    """Record events from the level of information up, which nobody hears while logging is not set up."""
    caplog.set_level(logging.INFO, logger="globetable")


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the events that were recorded so far."""
    return [
        {"event": record.msg, "level": record.levelname.lower(), **vars(record)["fields"]}
        for record in caplog.records
        if "fields" in vars(record)
    ]
