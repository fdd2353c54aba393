"""What operators ask of a node, answered by a real one over gRPC."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from deploy.local.embedded import HOST, PARTITIONS, Alone, InProcessChannel, NoPeers, embedded_cluster
from node.indexes.here import PartitionsHere
from node.main import StorageNode
from node.replication.reports import HeldReport
from node.rpc.admin import DUMP_ITEMS_MAX, AdminParts, AdminService
from node.rpc.server import RpcServer
from node.storage.engine import Space
from router.placement.store import RegionStore
from tests.support.rpc_catalog import create
from tests.support.scrubbing import flipped, put_raw
from wire.catalog import Delta, LinkSpec, LinkState, PartitionId, encode_row
from wire.clock import SystemClock
from wire.cluster import Home
from wire.commands import Ahead, Write, WriteKind
from wire.conditions import Condition
from wire.keys import ItemKey, key_hash, token_of
from wire.v1 import admin_pb2, admin_pb2_grpc
from wire.versions import Version

REGION = "us-east-1"


def held_report(name: str) -> HeldReport:
    return HeldReport(
        destination="eu-west-1",
        partition=PartitionId(2),
        table=1,
        key=ItemKey(name.encode()),
        version=Version(7 << 16, 3),
        ahead_seconds=7_200.5,
        waiting_seconds=3.0,
    )


class Admin(NamedTuple):
    """A node of one region of its own, and a stub of its admin service."""

    node: StorageNode
    stub: Any


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    cluster = embedded_cluster(REGION)
    region = cluster.regions[0]
    node = StorageNode(
        cluster=cluster,
        region=region,
        node=region.nodes[0],
        data=tmp_path,
        transport=NoPeers(),
        snapshots=NoPeers(),
        clock=SystemClock(),
        randomness=random.Random(1),
        on_fatal=lambda error: pytest.fail(repr(error)),
    )
    here = PartitionsHere(node.driver, node.feed)
    feeders = node.feed_indexes(here, here)
    await node.joins(Alone()).join()
    node.start()
    parts = AdminParts(
        node_id=region.nodes[0].id,
        region=REGION,
        zone="zone-1",
        node=node.driver,
        feed=node.feed,
        usage=node.engine.usage,
        links=lambda: [admin_pb2.LinkStatus(destination="eu-west-1", state="up")],
        state=lambda: "ready",
        scrubber=node.scrubber,
        wait_fed=feeders.wait_fed,
        held=lambda destination: [held_report("a"), held_report("b")] if destination in ("", "eu-west-1") else [],
        release=lambda ahead, destination: 100 * ahead + len(destination),
    )
    server = RpcServer(f"{HOST}:0", "n1")
    await server.start(lambda each: admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(parts), each))
    async with grpc.aio.insecure_channel(f"{HOST}:{server.port}") as channel:
        yield Admin(node, admin_pb2_grpc.AdminServiceStub(channel))
    await server.stop()
    await node.stop()


async def filled(node: StorageNode, items: int) -> None:
    """Create a table and put items into it, as a router does."""
    clock = SystemClock()
    channel = InProcessChannel(node, clock)
    entries = [each.spec() for each in embedded_cluster(REGION).regions[0].nodes]
    store = RegionStore(
        home=Home(REGION, "123456789012"),
        nodes=entries,
        connect=lambda _: channel,
        clock=clock,
        randomness=random.Random(1),
    )
    await store.start()
    await store.wait_ready()
    deadline = clock.monotonic() + 20
    table = (await store.change(create("tab"), deadline=deadline)).table
    assert table is not None
    for number in range(items):
        key = ItemKey(b"key-%d" % number)
        write = Write(WriteKind.PUT, table.number, key, body=b'{"id":{"S":"key-%d"}}' % number, size=10)
        await store.execute(token_of(key_hash(key.partition)), write, deadline=deadline)
    await store.stop()


# `globetable status` and every test that waits for readiness read this.
async def test_status_tells_what_the_node_does(admin: Admin) -> None:
    await filled(admin.node, 1)
    status = await admin.stub.Status(admin_pb2.StatusRequest())
    assert (status.node, status.region, status.zone, status.state) == (f"{REGION}-1", REGION, "zone-1", "ready")
    assert status.catalog_version == 2
    assert [each.partition for each in status.partitions] == list(range(PARTITIONS + 1))
    assert (status.partitions[0].role, status.partitions[0].leader, status.partitions[0].ready) == (
        "leader",
        f"{REGION}-1",
        True,
    )
    assert [link.destination for link in status.links] == ["eu-west-1"]
    assert status.storage_map_bytes >= status.storage_bytes > 0


# Who breaks a link before any table is shared sees that it is broken.
async def test_status_tells_of_a_broken_link_that_nobody_uses(admin: Admin) -> None:
    await filled(admin.node, 1)
    links = (LinkSpec("eu-west-1", LinkState.CUT), LinkSpec("sa-east-1", LinkState.UP), LinkSpec("b", LinkState.CUT))
    version = admin.node.feed.view.version + 1
    admin.node.feed.publish(Delta(version, {f"link/{link.destination}": encode_row(link) for link in links}))
    status = await admin.stub.Status(admin_pb2.StatusRequest())
    assert [(link.destination, link.state) for link in status.links] == [("eu-west-1", "up"), ("b", "cut")]


# Checkers compare whole replicas: nothing may be missing or come twice, over page bounds and partitions.
async def test_a_dump_holds_every_item_once(admin: Admin) -> None:
    count = 2 * DUMP_ITEMS_MAX + 7
    await filled(admin.node, count)
    for partition in range(1, PARTITIONS + 1):
        replica = admin.node.driver.replica(PartitionId(partition))
        assert replica is not None
        assert await replica.applied_barrier()
    chunks = [chunk async for chunk in admin.stub.Dump(admin_pb2.DumpRequest(table_name="tab", leaders_only=True))]
    items = [item for chunk in chunks for item in chunk.items]
    assert sorted(item.partition_key for item in items) == sorted(b"key-%d" % number for number in range(count))
    assert all(not item.tombstone and item.body and item.time and item.region == 1 for item in items)


# A table that is not there is an error, not an empty dump that a checker would take for agreement.
async def test_a_dump_of_no_table_is_an_error(admin: Admin) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="table absent is not in the catalog"):
        [chunk async for chunk in admin.stub.Dump(admin_pb2.DumpRequest(table_name="absent"))]


# With nobody to hand over to, the answer says how much is left when the time is up.
async def test_a_lone_node_keeps_its_leaderships(admin: Admin) -> None:
    await filled(admin.node, PARTITIONS)
    answer = await admin.stub.HandOver(admin_pb2.HandOverRequest(timeout_ms=100))
    assert answer.remaining == PARTITIONS + 1


# A scrub may only begin when it knows that an index is fed; one that is not there is told, not waited for.
async def test_an_index_that_is_not_there_is_not_fed(admin: Admin) -> None:
    await filled(admin.node, 1)
    request = admin_pb2.AwaitIndexRequest(table_name="tab", index_name="absent", timeout_ms=1_000)
    answer = await admin.stub.AwaitIndex(request)
    assert (list(answer.partitions), answer.failure) == ([], "table tab has no global index absent here")


# Operators see which items are held back by their keys, as many as they ask for, and how many there are.
async def test_held_changes_are_listed_by_their_keys(admin: Admin) -> None:
    await filled(admin.node, 0)
    answer = await admin.stub.ListHeld(admin_pb2.ListHeldRequest(limit=1))
    (item,) = answer.items
    assert (answer.total, item.table_name, item.key) == (2, "tab", '{"id":{"S":"a"}}')
    assert (item.destination, item.partition, item.time >> 16, item.region) == ("eu-west-1", 2, 7, 3)
    assert (item.ahead_seconds, item.waiting_seconds) == (7_200.5, 3.0)
    assert (await admin.stub.ListHeld(admin_pb2.ListHeldRequest(destination="nowhere", limit=1))).total == 0


# The decision reaches the shippers as it was made, for the region that it was made for.
async def test_a_decision_about_held_changes_is_passed_on(admin: Admin) -> None:
    request = admin_pb2.ReleaseHeldRequest(destination="eu-west-1", ahead=Ahead.OVERRULE)
    assert (await admin.stub.ReleaseHeld(request)).released == 209


# `globetable node scrub` asks for a pass, watches how far it comes and shows what it found.
async def test_a_scrub_can_be_asked_for_and_says_what_it_found(admin: Admin) -> None:
    await filled(admin.node, 20)
    scrubbing = asyncio.ensure_future(admin.node.scrubber.run())
    try:
        assert not (await scrubbed(admin)).findings
        with admin.node.engine.snapshot() as view:
            key, stored = next(view.scan(Space.ITEMS, b"", None))
        put_raw(admin.node.engine, Space.ITEMS, key, None)
        put_raw(admin.node.engine, Space.ITEMS, flipped(key, 8 * len(key) - 1), stored)
        answer = await scrubbed(admin)
        assert answer.rows > 20
        assert "does not match" in answer.findings[0].text
        partition = next(each for each in admin.node.driver.status() if each.partition == answer.findings[0].partition)
        assert partition.conditions == {Condition.QUARANTINED}
        # The only replica of its group goes on with what it can read.
        assert partition.is_ready
    finally:
        scrubbing.cancel()


async def scrubbed(admin: Admin) -> admin_pb2.ScrubAnswer:
    """Ask for a scrub and wait for its end."""
    asked = await admin.stub.Scrub(admin_pb2.ScrubRequest(begin=True))
    while True:
        answer = await admin.stub.Scrub(admin_pb2.ScrubRequest())
        if answer.number > asked.number and not answer.running:
            return answer
        await asyncio.sleep(0)
