"""Stamps on batches, and the readings that come of them."""

import random

from node.clocks.exchange import ClockExchange, ClockStamp
from node.clocks.peers import PeerClock
from node.clocks.region import RegionClock
from tests.support.clock import ManualClock
from wire.catalog import NodeId

PEER = NodeId("n2")


def exchange() -> tuple[ManualClock, RegionClock, ClockExchange]:
    machine = ManualClock()
    clock = RegionClock(machine, 60_000, has_peers=True)
    return machine, clock, ClockExchange(clock, random.Random(1))


def known(machine: ManualClock, clock: RegionClock) -> list[PeerClock]:
    return clock.peers.lately(machine.monotonic() * 1_000)


# A reading that nobody knows the age of says nothing: the first stamp of a peer answers none of ours.
def test_a_stamp_that_answers_none_is_no_reading() -> None:
    machine, clock, ends = exchange()
    ends.received(PEER, ClockStamp(machine.wall_ms(), 0, 5, 0, 0))
    assert known(machine, clock) == []
    machine.advance(0.25)
    stamp = ends.stamp(PEER)
    assert (stamp.echo_us, stamp.held_us) == (5, 250_000)


# The round trip is what bounds the error, without the time for which the other side kept our stamp.
def test_a_reading_is_as_exact_as_the_round_trip() -> None:
    machine, clock, ends = exchange()
    sent = ends.stamp(PEER).sent_us
    machine.advance(10.0)
    ends.received(PEER, ClockStamp(machine.wall_ms(), 0, 1, sent, 9_900_000))
    (found,) = known(machine, clock)
    assert round(found.upper - found.lower) == 101


# A process that was started anew must not take echoes of its earlier life for its own: its clock may be another one.
def test_echoes_of_another_life_are_ignored() -> None:
    machine, clock, ends = exchange()
    other = ClockExchange(clock, random.Random(2))
    ends.received(PEER, ClockStamp(machine.wall_ms(), 0, 1, other.stamp(PEER).sent_us, 0))
    assert known(machine, clock) == []


# A clock that was set contradicts what was known of it: the newer reading counts, however exact the older one was.
def test_a_clock_that_was_set_is_believed_anew() -> None:
    machine, clock, ends = exchange()
    for hours in (0, 2):
        sent = ends.stamp(PEER).sent_us
        machine.advance(0.01)
        ends.received(PEER, ClockStamp(machine.wall_ms() + hours * 3_600_000, 0, 1, sent, 0))
    (found,) = known(machine, clock)
    assert found.lower > machine.wall_ms() - machine.monotonic() * 1_000 + 7_000_000


# Who has not been heard for long has no say any more.
def test_silence_ends_a_peers_say() -> None:
    machine, clock, ends = exchange()
    ends.received(PEER, ClockStamp(machine.wall_ms(), 0, 1, ends.stamp(PEER).sent_us, 0))
    assert len(known(machine, clock)) == 1
    machine.advance(10.5)
    assert known(machine, clock) == []
