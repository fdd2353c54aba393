"""A partition's stored log in the shape that consensus reads, and how a new replica's first state is written.

Knows both rooms' shapes of the same thing; decides nothing.
"""

from collections.abc import Iterable, Sequence

from node.consensus.bootstrap import bootstrap_state
from node.consensus.types import (
    Entry,
    EntryKind,
    HardState,
    Index,
    Membership,
    ReplicaId,
    SnapshotMetadata,
    Term,
)
from node.storage.batch import WriteBatch
from node.storage.digests import begin_digests
from node.storage.engine import Engine
from node.storage.log import LogStore, require_complete_state
from wire.catalog import NodeId, Placement

_KINDS = {int(kind): kind for kind in EntryKind}


class StoredLog:
    """Read a LogStore as `node.consensus.log.LogReader`."""

    def __init__(self, store: LogStore[Entry]) -> None:
        self._store = store

    def initial_state(self) -> tuple[HardState, Membership]:
        """Return the hard state and the membership of the applied state."""
        term, vote, commit = self._store.hard_state
        return HardState(Term(term), ReplicaId(vote), Index(commit)), self._membership()

    def first_index(self) -> Index:
        """Return the index after the last dropped one."""
        return Index(self._store.first_index)

    def last_index(self) -> Index:
        """Return the index of the last persisted entry."""
        return Index(self._store.last_index)

    def term(self, index: Index) -> Term:
        """Return the term at an index."""
        return Term(self._store.term(index))

    def entries(self, lower: Index, upper: Index, bytes_max: int) -> Sequence[Entry]:
        """Return persisted entries."""
        return self._store.entries(lower, upper, bytes_max)

    def snapshot(self) -> SnapshotMetadata | None:
        """Return the applied state's place: any moment of it can be sent."""
        index, term, membership = self._store.stored_place()
        return SnapshotMetadata(Index(index), Term(term), _decoded(membership)) if index else None

    def _membership(self) -> Membership:
        return _decoded(self._store.membership)


def open_log(engine: Engine, partition: int) -> LogStore[Entry]:
    """Read and check a partition's log. Raises DamagedRecord when it cannot be used, with what to do about it."""
    with engine.snapshot() as view:
        require_complete_state(view, partition)
    return LogStore(engine, partition, _made_entry)


def found_to(batch: WriteBatch, engine: Engine, node: NodeId, placements: Iterable[Placement]) -> None:
    """Write the first state of every replica that a node has as a first member of its group.

    A group is founded once, when its region is: a log that opens empty later on was lost. Replicas that have begun stay
    as they are.
    """
    for placement in placements:
        if node in placement.nodes():
            store = open_log(engine, placement.partition)
            if not store.membership:
                _bootstrap_to(batch, store, placement)


def _bootstrap_to(batch: WriteBatch, store: LogStore[Entry], placement: Placement) -> None:
    voters = tuple(sorted(ReplicaId(replica.replica) for replica in placement.replicas))
    hard_state, snapshot = bootstrap_state(Membership(voters=voters))
    batch.call(lambda transaction: begin_digests(transaction, placement.partition))
    store.reset_to(batch, snapshot.index, snapshot.term, snapshot.membership.encode())
    store.set_hard_state_to(batch, hard_state.term, hard_state.vote, hard_state.commit)


def _decoded(membership: bytes) -> Membership:
    return Membership.decode(membership) if membership else Membership()


def _made_entry(index_term: int, index: int, kind: int, payload: bytes) -> Entry:
    return Entry(Term(index_term), Index(index), _KINDS[kind], payload)
