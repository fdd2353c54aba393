"""Reads a node's numbers, room by room. Called on the event loop, once per scrape."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import Final, Protocol

from node.indexes.feeders import IndexBacklog
from node.metrics import declared as m
from node.partition.access import ReplicaStatus
from node.partition.counts import ReplicaCounts
from node.replication.link import LinkCounts
from node.replication.reports import LinkReport
from node.rpc.exchange import ExchangeCounts
from node.storage.engine import EngineUsage
from node.storage.writer import WriterCounts
from wire.catalog import NodeId
from wire.conditions import OF_NODES, OF_REPLICAS, Condition
from wire.metrics import Reading
from wire.metrics_server import READY

INDEXES_MAX: Final = 500
"""Indexes that are told of, those furthest behind: a cluster may have tens of thousands."""


class Peer(Protocol):
    """The connection to another node, as far as it is told of."""

    dropped: int

    @property
    def is_up(self) -> bool:
        """Tell whether messages reach the node."""
        ...

    @property
    def queued(self) -> int:
        """Return how many messages wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSources:
    """Where a node's numbers are."""

    region: str
    node: str
    zone: str
    state: Callable[[], str]
    catalog_version: Callable[[], int]
    clock_offset_seconds: Callable[[], float]
    replicas: Callable[[], Iterable[ReplicaStatus]]
    conditions: Callable[[], Collection[Condition]]
    scrubs: Callable[[], tuple[int, int]]
    """Scrubs completed, and bytes read by scrubs."""
    counts: ReplicaCounts
    exchange: ExchangeCounts
    forwarded: Callable[[], int]
    peers: Callable[[], Mapping[NodeId, Peer]]
    usage: Callable[[], EngineUsage]
    writer: WriterCounts
    writer_queued: Callable[[], int]
    links: Callable[[], Iterable[LinkReport]]
    link_counts: Callable[[], Mapping[str, LinkCounts]]
    superseded: Callable[[], int]
    indexes: Callable[[], Iterable[IndexBacklog]]
    expired: Callable[[], int]


def node_readings(sources: NodeSources) -> Iterator[Reading]:
    """Yield every reading there is."""
    who = (sources.region, sources.node, "node", sources.zone)
    yield Reading(m.INFO, 1, who)
    yield Reading(m.READY, sources.state() == READY)
    yield Reading(m.CATALOG_VERSION, sources.catalog_version())
    yield Reading(m.CLOCK_OFFSET, sources.clock_offset_seconds())
    yield from _exchange(sources.exchange)
    yield Reading(m.FORWARDED, sources.forwarded())
    yield from _partitions(sources.replicas())
    yield from _conditions(sources.conditions())
    yield from _consensus(sources.counts)
    yield from _peers(sources.peers())
    yield from _storage(sources)
    scrubs, scrubbed_bytes = sources.scrubs()
    yield Reading(m.SCRUBS, scrubs)
    yield Reading(m.SCRUBBED_BYTES, scrubbed_bytes)
    yield from _links(sources.region, sources.links())
    yield from _link_counts(sources.region, sources.link_counts())
    yield Reading(m.SUPERSEDED, sources.superseded())
    yield from _indexes(sources.indexes())
    yield Reading(m.EXPIRED, sources.expired())


def _exchange(counts: ExchangeCounts) -> Iterator[Reading]:
    yield Reading(m.ROUTERS, counts.streams)
    for command, number in list(counts.commands.items()):
        yield Reading(m.COMMANDS, number, (command.__name__,))
    for code, number in list(counts.refused.items()):
        yield Reading(m.REFUSED, number, (code.value,))


def _partitions(replicas: Iterable[ReplicaStatus]) -> Iterator[Reading]:
    for replica in replicas:
        partition = (str(replica.partition),)
        yield Reading(m.WAITING, replica.waiting_requests, partition)
        yield Reading(m.LEADS, replica.is_ready, partition)
        yield Reading(m.TERM, replica.term, partition)
        yield Reading(m.LOG_ENTRIES, max(0, replica.last_index - replica.first_index + 1), partition)
        yield Reading(m.UNAPPLIED, max(0, replica.commit - replica.applied), partition)
        for condition in OF_REPLICAS:
            yield Reading(m.PARTITION_CONDITION, condition in replica.conditions, (*partition, condition))


def _conditions(present: Collection[Condition]) -> Iterator[Reading]:
    for condition in OF_NODES:
        yield Reading(m.NODE_CONDITION, condition in present, (condition,))


def _consensus(counts: ReplicaCounts) -> Iterator[Reading]:
    yield Reading(m.ELECTIONS, counts.elections)
    yield Reading(m.LEADER_CHANGES, counts.leader_changes)
    yield Reading(m.LEADERSHIPS_WON, counts.leaderships_won)
    yield Reading(m.LEADERSHIPS_LOST, counts.leaderships_lost)
    yield Reading(m.QUARANTINES, counts.quarantines)
    yield Reading(m.SNAPSHOTS, counts.snapshots_sent, ("sent",))
    yield Reading(m.SNAPSHOTS, counts.snapshots_not_sent, ("not_sent",))
    yield Reading(m.SNAPSHOTS, counts.snapshots_installed, ("installed",))
    yield Reading(m.TRIMMED_RECORDS, counts.trimmed_records)
    yield Reading(m.TRIMMED_BYTES, counts.trimmed_bytes)
    yield Reading(m.APPLY_SECONDS, counts.apply_seconds.read())


def _peers(peers: Mapping[NodeId, Peer]) -> Iterator[Reading]:
    for name, peer in peers.items():
        yield Reading(m.PEER_UP, peer.is_up, (name,))
        yield Reading(m.PEER_QUEUED, peer.queued, (name,))
        yield Reading(m.PEER_DROPPED, peer.dropped, (name,))


def _storage(sources: NodeSources) -> Iterator[Reading]:
    counts, usage = sources.writer, sources.usage()
    yield Reading(m.COMMIT_SECONDS, counts.commit_seconds.read())
    yield Reading(m.COMMIT_BATCHES, counts.commit_batches.read())
    yield Reading(m.COMMIT_FULL, counts.full)
    yield Reading(m.WRITER_QUEUE, sources.writer_queued())
    yield Reading(m.STORAGE_USED, usage.used_bytes)
    yield Reading(m.STORAGE_MAP, usage.map_bytes)
    yield Reading(m.STORAGE_FREE, usage.disk_free_bytes)
    yield Reading(m.STORAGE_WRITABLE, usage.writable_bytes)


def _links(source: str, reports: Iterable[LinkReport]) -> Iterator[Reading]:
    by_destination: defaultdict[str, list[LinkReport]] = defaultdict(list)
    for report in reports:
        by_destination[report.destination].append(report)
    for destination, each in by_destination.items():
        link = (source, destination)
        shippers = [report.shipper for report in each]
        yield Reading(m.LINK_UP, all(report.state in {"up", "delayed"} for report in each), link)
        yield Reading(m.LINK_LAG, max(shipper.lag_seconds for shipper in shippers), link)
        yield Reading(m.LINK_PENDING, sum(shipper.pending_records for shipper in shippers), link)
        yield Reading(m.LINK_HELD, sum(shipper.held for shipper in shippers), link)
        yield Reading(m.LINK_BACKFILLS, sum(shipper.backfilling_tables for shipper in shippers), link)


def _link_counts(source: str, counts: Mapping[str, LinkCounts]) -> Iterator[Reading]:
    for destination, count in counts.items():
        link = (source, destination)
        yield Reading(m.LINK_APPLIED, count.applied, link)
        yield Reading(m.LINK_SUPERSEDED, count.superseded, link)
        yield Reading(m.LINK_REFUSED, count.refused, link)
        yield Reading(m.LINK_BREAKS, count.breaks, link)


def _indexes(backlogs: Iterable[IndexBacklog]) -> Iterator[Reading]:
    pending: defaultdict[tuple[str, str], int] = defaultdict(int)
    copying: defaultdict[tuple[str, str], int] = defaultdict(int)
    for each in backlogs:
        name = (each.table_name, each.index_name)
        pending[name] += each.pending
        copying[name] += each.is_copying
    for name in nlargest(INDEXES_MAX, pending, key=lambda name: (copying[name], pending[name])):
        yield Reading(m.INDEX_PENDING, pending[name], name)
        yield Reading(m.INDEX_COPYING, copying[name], name)
