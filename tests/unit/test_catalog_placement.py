"""The first placement of a region: every partition safe against the loss of a zone, every node as busy as the next."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from node.catalog.placement import founding_delta, founding_placements
from tests.support.rpc_catalog import region_entry
from wire.catalog import CATALOG_PARTITION, CatalogView, NodeSpec, PartitionId
from wire.cluster import Settings
from wire.keys import RING_TOKENS


def nodes(count: int, zones: int) -> list[NodeSpec]:
    return [entry.spec() for entry in region_entry(count, zones).nodes]


# Losing a zone must never take two replicas when there are zones enough, nor a node two in any case.
@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.integers(1, 12))
def test_replicas_are_apart(count: int, zones: int, replicas: int, partitions: int) -> None:
    zone_of = {node.id: node.zone for node in nodes(count, zones)}
    for placement in founding_placements(nodes(count, zones), partitions, replicas):
        held = placement.nodes()
        assert len(set(held)) == len(held) == min(replicas, count)
        assert len({zone_of[node] for node in held}) == min(len(held), len(set(zone_of.values())))


# Leading is where the work is: two nodes differ by one partition at most; in holding, by two.
@given(st.integers(1, 4), st.integers(1, 12))
def test_work_is_even(nodes_per_zone: int, partitions: int) -> None:
    members = nodes(3 * nodes_per_zone, 3)
    placements = founding_placements(members, partitions, 3)
    leads = Counter(placement.nodes()[0] for placement in placements)
    holds = Counter(node for placement in placements for node in placement.nodes())
    assert max(leads.values()) - min(leads[node.id] for node in members) <= 1
    assert max(holds.values()) - min(holds[node.id] for node in members) <= 2


# Every token belongs to exactly one data partition, and none to the catalog.
@given(st.integers(1, 40))
def test_the_ring_is_covered(partitions: int) -> None:
    catalog, *data = founding_placements(nodes(3, 3), partitions, 3)
    assert (catalog.partition, catalog.lower, catalog.upper) == (CATALOG_PARTITION, 0, 0)
    edges = [0, *(placement.upper for placement in data)]
    assert [placement.lower for placement in data] == edges[:-1]
    assert edges[-1] == RING_TOKENS


# A consensus id names one replica for all time, in the whole region.
@given(st.integers(1, 12))
def test_replica_ids_are_unique(partitions: int) -> None:
    ids = [each.replica for placed in founding_placements(nodes(3, 3), partitions, 3) for each in placed.replicas]
    assert sorted(ids) == list(range(1, len(ids) + 1))


# Founders write these rows each on their own: they must come out the same, and complete.
def test_founding_rows_make_a_view() -> None:
    delta = founding_delta(region_entry(), Settings(partitions=4))
    assert delta == founding_delta(region_entry(), Settings(partitions=4))
    view = CatalogView()
    view.apply(delta)
    assert (view.version, len(view.nodes), sorted(view.placements)) == (1, 3, [PartitionId(n) for n in range(5)])
    assert view.counters == {"next_replica": 16, "next_partition": 5}
