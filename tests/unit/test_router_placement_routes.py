"""The ring and the guesses about who leads."""

from hypothesis import given
from hypothesis import strategies as st

from node.catalog.placement import founding_placements
from router.placement.ring import Ring
from router.placement.routes import READS_IN_A_ROW, Routes
from tests.support.rpc_catalog import region_entry
from wire.catalog import Placement
from wire.keys import RING_TOKENS

NODES = [entry.spec() for entry in region_entry().nodes]


def placement() -> Placement:
    return founding_placements(NODES, 1, 3)[1]


# Every key has a home, and it is the partition whose range says so; the catalog's partition is nobody's.
@given(st.integers(1, 20), st.integers(0, RING_TOKENS - 1))
def test_a_token_has_one_home(partitions: int, token: int) -> None:
    found = Ring(founding_placements(NODES, partitions, 3)).find(token)
    assert found is not None
    assert found.partition != 0
    assert found.lower <= token < found.upper


# A scan goes over exactly the partitions that its range touches, in order.
@given(st.integers(1, 20), st.integers(0, RING_TOKENS - 1), st.integers(1, RING_TOKENS))
def test_a_range_finds_its_partitions_in_order(partitions: int, lower: int, upper: int) -> None:
    ring = Ring(founding_placements(NODES, partitions, 3))
    expected = [each for each in ring.between(0, RING_TOKENS) if each.lower < upper and each.upper > lower]
    assert list(ring.between(lower, upper)) == expected
    assert len(ring.between(0, RING_TOKENS)) == partitions


# Before a catalog is known there is no home for anything.
def test_an_empty_ring_finds_nothing() -> None:
    assert Ring(()).find(5) is None


# The first guess is the preferred leader, so that a quiet region needs no correction.
def test_the_preferred_leader_is_the_first_guess() -> None:
    assert Routes().leader(placement()) == placement().nodes()[0]


# A hint is believed, unless it names a node that holds no replica or the one that was asked anyway.
def test_a_hint_is_news_only_if_it_names_another_replica() -> None:
    routes = Routes()
    first, second, _ = placement().nodes()
    assert routes.learn(placement(), second)
    assert routes.leader(placement()) == second
    assert not routes.learn(placement(), second)
    assert not routes.learn(placement(), "stranger")
    assert routes.learn(placement(), first)


# Hundreds of requests fail on one node at once: the guess moves on by one replica, not by hundreds.
def test_many_failures_move_the_guess_once() -> None:
    routes = Routes()
    first, second, third = placement().nodes()
    for _ in range(5):
        routes.turn_away(placement(), first)
    assert routes.leader(placement()) == second
    routes.turn_away(placement(), second)
    routes.turn_away(placement(), third)
    assert routes.leader(placement()) == first


# Reads that need no leader are spread over all replicas.
def test_replicas_take_turns() -> None:
    routes = Routes()
    assert {routes.replica(placement()) for _ in range(3 * READS_IN_A_ROW)} == set(placement().nodes())


# Reads of all partitions that go to one node travel together: what a batch costs is shared by what is in it.
def test_partitions_on_the_same_nodes_turn_together() -> None:
    routes = Routes()
    placements = founding_placements(NODES, 3, 3)[1:]
    assert len({each.nodes()[0] for each in placements}) == 3
    assert len({routes.replica(each) for each in placements}) == 1


# A replica that could not answer is not asked again at once, or the read would be tried in vain.
def test_a_replica_that_failed_is_passed_over() -> None:
    routes = Routes()
    failed = routes.replica(placement())
    routes.next_replica()
    assert routes.replica(placement()) != failed
