"""What comes and goes with a start or a stop is information; what lasts is a warning, once."""

import pytest

from tests.support.logs import events, listen
from wire.outages import PATIENCE_SECONDS, Outage
from wire.telemetry import EventLog


@pytest.fixture
def outage(caplog: pytest.LogCaptureFixture) -> Outage:
    listen(caplog)
    return Outage(EventLog("tests"), lost="peer_lost", lasting="peer_unreachable", over="peer_reachable", peer="n2")


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(each["level"], each["event"]) for each in events(caplog)]


# A start of a cluster is full of these.
def test_a_short_outage_is_no_warning(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed(100.0, reason="refused")
    outage.failed(100.0 + PATIENCE_SECONDS / 2, reason="refused")
    outage.ended(101.0)
    assert lines(caplog) == [("info", "peer_lost"), ("info", "peer_reachable")]
    assert events(caplog)[0] == {"event": "peer_lost", "level": "info", "peer": "n2", "reason": "refused"}


# Real trouble is told once, however often it is tried again, and says how long it has lasted.
def test_a_lasting_outage_is_one_warning(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    for second in range(60):
        outage.failed(100.0 + second, reason="refused")
    assert lines(caplog) == [("info", "peer_lost"), ("warning", "peer_unreachable")]
    assert events(caplog)[1]["seconds"] == PATIENCE_SECONDS


# The next outage is one of its own.
def test_after_its_end_an_outage_begins_anew(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    for start in (100.0, 200.0):
        outage.failed(start)
        outage.failed(start + PATIENCE_SECONDS)
        outage.ended(start + 20)
    assert lines(caplog) == [("info", "peer_lost"), ("warning", "peer_unreachable"), ("info", "peer_reachable")] * 2


# A connection that nobody wanted for a while was not away all that time.
def test_what_is_not_wanted_is_no_outage(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed(100.0)
    outage.forget()
    outage.failed(100.0 + 2 * PATIENCE_SECONDS)
    assert lines(caplog) == [("info", "peer_lost")] * 2


# A connection that was never lost has nothing to tell.
def test_nothing_ended_is_nothing_said(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.ended(100.0)
    assert events(caplog) == []
