"""A router's client against a node's server, over real streams: batches, order, limits, and what breaks."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.catalog.feed import CatalogFeed
from node.rpc import exchange
from node.rpc.server import ListenError, RpcServer
from router.nodes.client import NodeClient
from tests.support.rpc_nodes import FakeNode, served
from tests.support.slow_wire import SLOW_SECONDS, slow_wire
from wire.catalog import Delta, NodeId, PartitionId
from wire.clock import SystemClock
from wire.commands import Command, ConditionFailed, Failed, Get, Got, Outcome, Page, Range, Request, Write, WriteKind
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey
from wire.limits import EXCHANGE_INFLIGHT_REQUESTS_MAX

P1 = PartitionId(1)
GET = Get(1, ItemKey(b"k"), consistent=True)
WRITE = Write(WriteKind.PUT, 1, ItemKey(b"k"), body=b"{}", size=1)
SECONDS_MAX = 20.0


def feed_at(version: int) -> CatalogFeed:
    feed = CatalogFeed()
    feed.publish(Delta(version, {}, full=True))
    return feed


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[NodeClient]:
    client = NodeClient(NodeId("n1"), f"127.0.0.1:{port}", SystemClock(), random.Random(1))
    running = asyncio.ensure_future(client.run())
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


async def sent(
    client: NodeClient, command: Command = GET, *, version: int = 1, seconds: float = SECONDS_MAX
) -> Outcome:
    deadline = SystemClock().monotonic() + seconds
    return await client.send(P1, 1, command, catalog_version=version, deadline=deadline)


# Each caller gets its own answer, however many share the stream.
async def test_every_request_gets_its_own_answer() -> None:
    node = FakeNode()
    node.answer = lambda request: Got(request.command.key.partition, 1)  # type: ignore[union-attr]
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        keys = [b"%d" % number for number in range(2000)]
        outcomes = await asyncio.gather(*(sent(client, Get(1, ItemKey(key), consistent=True)) for key in keys))
    assert outcomes == [Got(key, 1) for key in keys]


# Messages have a largest size, and a break at it would fail whoever shares the stream: however large requests and answers are, as
# many as come at once fit into several messages.
@pytest.mark.parametrize(
    ("command", "answer", "count"),
    [
        (GET, Got(b"x" * 400_000, 400_000), 180),
        (WRITE, ConditionFailed(b"x" * 400_000, 400_000), 180),
        (WRITE._replace(condition=b"c" * (1 << 20), update=b"u" * (1 << 20)), ConditionFailed(b"", 0), 40),
        (GET._replace(projection=b"p" * (2 << 20)), Got(b"", 0), 40),
        (Range(1, partition_key=b"k", filter=b"f" * (1 << 20), values=b"v" * (1 << 20)), Page((), 0, 0, 0, None), 40),
    ],
    ids=["answers", "conditions that failed", "conditions", "projections", "filters"],
)
async def test_large_requests_and_answers(command: Command, answer: Outcome, count: int) -> None:
    node = FakeNode()
    node.answer = lambda _: answer
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        await sent(client)
        outcomes = await asyncio.gather(*(sent(client, command) for _ in range(count)))
    assert outcomes == [answer] * count


# A slow answer must not hold up the ones behind it.
async def test_answers_come_in_any_order() -> None:
    node = FakeNode()
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        slow, fast = asyncio.ensure_future(sent(client)), asyncio.ensure_future(sent(client))
        await node.wait_requests(2)
        (first, first_done), (second, second_done) = node.waiting
        second_done(second, Got(b"fast", 1))
        assert await fast == Got(b"fast", 1)
        assert not slow.done()
        first_done(first, Got(b"slow", 1))
        assert await slow == Got(b"slow", 1)


# A table was just created through this router; the node that has not heard of it yet must not say that it is missing.
async def test_a_request_waits_for_the_catalog_it_was_built_with() -> None:
    node, feed = FakeNode(), feed_at(1)
    node.answer = lambda request: Got(b"", 0)
    async with served(node, feed) as server, connected(server.port) as client:
        await sent(client, version=1)
        waiting = asyncio.ensure_future(sent(client, version=2))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        feed.publish(Delta(2, {}))
        assert await waiting == Got(b"", 0)


# A node whose catalog is stuck says so, and promises that nothing was done.
async def test_waiting_for_the_catalog_has_an_end() -> None:
    node = FakeNode()
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        outcome = await sent(client, version=9)
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.NOT_READY
    assert node.requests == []


# The connection breaks: what was sent may have been done, and only what never left may go elsewhere.
async def test_a_broken_stream_leaves_unknown_outcomes() -> None:
    node = FakeNode()
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        waiting = asyncio.ensure_future(sent(client, WRITE))
        await node.wait_requests(1)
        await server.stop()
        outcome = await waiting
        assert isinstance(outcome, Failed)
        assert outcome.code is ErrorCode.UNKNOWN_OUTCOME
        refused = await sent(client, WRITE)
        assert isinstance(refused, Failed)
        assert refused.code is ErrorCode.NOT_READY


# The answer to a request of a stream that is gone goes nowhere, and harms nobody.
async def test_a_late_answer_is_dropped() -> None:
    node = FakeNode()
    async with served(node, feed_at(1)) as server:
        async with connected(server.port) as client:
            waiting = asyncio.ensure_future(sent(client))
            await node.wait_requests(1)
        await waiting
        (request_id, done) = node.waiting[0]
        async with connected(server.port) as again:
            node.answer = lambda request: Got(b"", 0)
            await sent(again)
            done(request_id, Got(b"late", 1))
            assert await sent(again) == Got(b"", 0)


# A node comes back under its address; nobody has to be told.
async def test_a_client_finds_a_node_again() -> None:
    node = FakeNode()
    node.answer = lambda request: Got(b"", 0)
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        await sent(client)
        await server.stop()
        assert isinstance(await sent(client), Failed)
        async with served(node, feed_at(1), f"127.0.0.1:{server.port}"):
            async with asyncio.timeout(SECONDS_MAX):
                await client.wait_reachable()
            assert await sent(client) == Got(b"", 0)


# A connection may take its time, as over a long way: it comes about all the same.
async def test_a_client_reaches_a_node_over_a_slow_wire() -> None:
    node = FakeNode()
    node.answer = lambda request: Got(b"", 0)
    async with (
        served(node, feed_at(1)) as server,
        slow_wire(server.port, SLOW_SECONDS) as port,
        connected(port) as client,
        asyncio.timeout(SECONDS_MAX),
    ):
        await client.wait_reachable()
        assert await sent(client) == Got(b"", 0)


# A node's address may have become another's: that one is asked nothing, whatever it leads, and the node is found again.
async def test_a_client_asks_nobody_else() -> None:
    stranger, node = FakeNode(), FakeNode()
    node.answer = lambda request: Got(b"", 0)
    async with served(stranger, feed_at(1), name="n2") as server, connected(server.port) as client:
        assert isinstance(await sent(client), Failed)
        with pytest.raises(StoreError, match="this is n2, not n1"):
            await anext(client.watch(0))
        await server.stop()
        async with served(node, feed_at(1), f"127.0.0.1:{server.port}"), asyncio.timeout(SECONDS_MAX):
            await client.wait_reachable()
            assert await sent(client) == Got(b"", 0)
    assert stranger.requests == []


# A batch may ask for a hundred items of 400 KB: the node does other things between, and keeps to the order in which they were asked.
async def test_a_batch_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SUBMITTING_SECONDS_MAX", 0.0)
    node, turns, seen = FakeNode(), 0, list[int]()

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def answered(request: Request) -> Outcome:
        seen.append(turns)
        return Got(b"", 0)

    node.answer = answered
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        await sent(client)
        running = asyncio.ensure_future(others())
        await asyncio.gather(*(sent(client) for _ in range(50)))
        running.cancel()
    assert [request.id for request in node.requests] == sorted(request.id for request in node.requests)
    assert len(set(seen)) > 25


# A node that never answers holds a caller no longer than it is willing to wait.
async def test_silence_ends_with_the_deadline() -> None:
    node = FakeNode()
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        waiting = asyncio.ensure_future(sent(client, seconds=2.0))
        await node.wait_requests(1)
        outcome = await waiting
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.UNANSWERED


# A router that sends more than a node can hold is refused at once, instead of filling its memory.
async def test_too_many_requests_are_refused() -> None:
    node = FakeNode()
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        waiting = [asyncio.ensure_future(sent(client)) for _ in range(EXCHANGE_INFLIGHT_REQUESTS_MAX)]
        await node.wait_requests(EXCHANGE_INFLIGHT_REQUESTS_MAX)
        outcome = await sent(client)
        assert isinstance(outcome, Failed)
        assert outcome.code is ErrorCode.OVERLOADED
    await asyncio.wait(waiting)


# Large items must not add up to a message that gRPC refuses.
async def test_batches_are_bounded_in_bytes() -> None:
    node = FakeNode()
    body = b"x" * 400_000
    node.answer = lambda request: Got(body, 400_000)
    async with served(node, feed_at(1)) as server, connected(server.port) as client:
        write = WRITE._replace(body=body)
        outcomes = await asyncio.gather(*(sent(client, write) for _ in range(200)))
    assert outcomes == [Got(body, 400_000)] * 200


# A second process on the same port would steal half of the first one's requests.
async def test_a_port_in_use_is_an_error() -> None:
    async with served(FakeNode(), feed_at(1)) as server:
        address = f"127.0.0.1:{server.port}"
        with pytest.raises(ListenError, match=f"cannot listen on {address}"):
            await RpcServer(address, "n1").start()


# A follower gets everything first, then each change, and learns when the node is gone.
async def test_the_catalog_can_be_followed() -> None:
    feed = feed_at(3)
    async with served(FakeNode(), feed) as server, connected(server.port) as client:
        deltas = client.watch(0)
        assert (await anext(deltas)).full
        feed.publish(Delta(4, {}))
        assert await anext(deltas) == Delta(4, {})
        await server.stop()
        with pytest.raises(StoreError, match=r"UNAVAILABLE|CANCELLED|ended"):
            await anext(deltas)
