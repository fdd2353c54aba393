"""A node that has something to tell the catalog finds its leader, here or elsewhere."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from node.catalog.feed import CatalogFeed
from node.catalog.placement import founding_delta
from node.rpc.asking import NodeClient
from node.rpc.catalog_changes import CatalogProposer
from tests.support.rpc_catalog import create, region_entry
from tests.support.rpc_nodes import FakeNode, served
from wire.catalog import CATALOG_PARTITION, NodeId
from wire.catalog_changes import Decided, decode_change
from wire.clock import SystemClock
from wire.cluster import Settings
from wire.commands import CatalogDecided, ChangeCatalog, Failed, NotLeader, Outcome, Request
from wire.errors import ErrorCode, StoreError

HERE, THERE = NodeId("us-east-1-0"), NodeId("us-east-1-1")
CHANGE = create("t")
DECIDED = CatalogDecided(Decided(7).encode())


def feed() -> CatalogFeed:
    made = CatalogFeed()
    made.publish(founding_delta(region_entry(), Settings()))
    return made


def answering(*outcomes: Outcome) -> FakeNode:
    """Return a node that gives these answers, the last one for ever."""
    node = FakeNode()
    node.answer = lambda _: outcomes[min(len(node.requests), len(outcomes)) - 1]
    return node


async def decided(node: FakeNode, address_of: Callable[[NodeId], str | None]) -> Decided:
    """Have a change decided from a node that finds the others so."""
    nodes = NodeClient(HERE, node, address_of, SystemClock())
    try:
        return await CatalogProposer(nodes, feed(), SystemClock(), random.Random(1)).change(CHANGE)
    finally:
        await nodes.stop()


@asynccontextmanager
async def other(node: FakeNode) -> AsyncIterator[Callable[[NodeId], str | None]]:
    """Serve a second node; yield how its address is found."""
    async with served(node, feed(), name=THERE) as server:
        yield lambda asked: f"127.0.0.1:{server.port}" if asked == THERE else None


# The usual case of a membership step: the catalog is led here.
async def test_a_leader_here_is_asked_first() -> None:
    node = answering(DECIDED)
    assert await decided(node, lambda _: None) == Decided(7)
    (request,) = node.requests
    assert request.partition == CATALOG_PARTITION
    assert isinstance(request.command, ChangeCatalog)
    assert decode_change(request.command.payload) == CHANGE


# A partition leader reports its backfill, but the catalog is led by another node, which this one knows of.
async def test_a_leader_elsewhere_is_found() -> None:
    here, there = answering(NotLeader(THERE)), answering(DECIDED)
    async with other(there) as address_of:
        assert await decided(here, address_of) == Decided(7)
    assert len(here.requests) == len(there.requests) == 1


# During an election nobody leads: each is asked in turn until one does.
async def test_an_election_is_waited_for() -> None:
    here, there = answering(NotLeader(""), DECIDED), answering(Failed(ErrorCode.NOT_READY, "electing"))
    async with other(there) as address_of:
        assert await decided(here, address_of) == Decided(7)
    assert (len(here.requests), len(there.requests)) == (2, 1)


# A refusal is final, and its words are kept.
async def test_a_refusal_is_raised() -> None:
    node = answering(Failed(ErrorCode.RESOURCE_IN_USE, "Table already exists: t"))
    with pytest.raises(StoreError, match="Table already exists: t") as caught:
        await decided(node, lambda _: None)
    assert caught.value.code is ErrorCode.RESOURCE_IN_USE


# The answer is lost: only whoever asked knows whether asking again does harm.
async def test_a_lost_answer_is_an_unknown_outcome() -> None:
    here, there = answering(NotLeader(THERE)), FakeNode()
    async with served(there, feed(), name=THERE) as server:
        address = f"127.0.0.1:{server.port}"

        def stop_serving(request: Request) -> Outcome:
            raise ConnectionAbortedError(f"the node dies over request {request.id}")

        there.answer = stop_serving
        with pytest.raises(StoreError) as caught:
            await decided(here, lambda asked: address if asked == THERE else None)
    assert caught.value.code is ErrorCode.UNKNOWN_OUTCOME
