"""A scrub of a real node over gRPC: clean when all is well, and every kind of damage is found and named."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson
import pytest

from deploy.cli.region_reader import RegionReader
from deploy.cli.scrub import NothingToScrub, ScrubReport, scrubbed
from deploy.local.embedded import HOST, Alone, NoPeers, embedded_cluster
from node.indexes.here import PartitionsHere
from node.main import StorageNode
from node.rpc.admin import AdminParts, AdminService
from node.rpc.catalog import CatalogService
from node.rpc.exchange import StorageService
from node.rpc.server import RpcServer
from node.storage.engine import Transaction
from node.storage.items import remove, store
from node.storage.records import encode_record
from tests.support.indexes_region import by, key_of, put
from wire.catalog import PartitionId
from wire.catalog_changes import CreateTable
from wire.clock import SystemClock
from wire.commands import Write, Written
from wire.indexes import row_of
from wire.items import Item
from wire.keys import ItemKey, key_hash, token_of
from wire.tables import BillingMode, IndexSpec, KeyAttribute, KeySchema, TableSpec, Throughput
from wire.v1 import admin_pb2_grpc, catalog_pb2_grpc, storage_pb2_grpc
from wire.versions import Version

REGION = "us-east-1"
ITEMS = 30


@dataclass
class Served:
    """A node that is served over gRPC, with a table of items and an index."""

    node: StorageNode
    here: PartitionsHere
    reader: RegionReader

    @property
    def table(self) -> TableSpec:
        return self.node.feed.view.tables["orders"]

    @property
    def index(self) -> IndexSpec:
        return self.table.indexes[0]

    def holder(self, key: ItemKey) -> PartitionId:
        token = token_of(key_hash(key.partition))
        return next(
            each.partition for each in self.node.feed.view.placements.values() if each.lower <= token < each.upper
        )

    async def write(self, write: Write) -> None:
        write = write._replace(table=self.table.number)
        outcome = await self.here.execute(self.holder(write.key), write, timeout_seconds=5)
        assert isinstance(outcome, Written), outcome

    def row(self, item: Item) -> tuple[ItemKey, bytes]:
        """Return the row of an item."""
        row = row_of(self.table.key_schema, self.index, key_of(item["id"]["S"]), item)
        assert row is not None
        return row.key, orjson.dumps(row.item)

    def damage(self, item: Item, *, body: bytes) -> None:
        """Store another row where an item's is, or with no body remove it, behind everybody's back."""
        key, _ = self.row(item)
        place = (self.table.number, self.index.number, key, key_hash(key.partition))

        def change(transaction: Transaction) -> None:
            if body:
                store(transaction, *place, encode_record(key, Version(1, 1), len(body), body))
            else:
                remove(transaction, *place)

        self.node.engine.write(change)

    async def scrub(self) -> ScrubReport:
        return await scrubbed(self.reader, "orders", "by-owner")


def item(number: int, owner: str = "") -> Item:
    return {"id": {"S": f"k{number}"}, "owner": {"S": owner or f"o{number % 4}"}}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
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
    running = asyncio.create_task(node.run())
    led: asyncio.Queue[PartitionId] = asyncio.Queue()
    node.driver.on_leadership(led.put_nowait, lambda _: None)
    for _ in node.feed.view.placements:
        await led.get()
    parts = AdminParts(
        node_id=region.nodes[0].id,
        region=REGION,
        zone="z",
        node=node.driver,
        feed=node.feed,
        usage=node.engine.usage,
        links=lambda: [],
        state=lambda: "ready",
        scrubber=node.scrubber,
        wait_fed=feeders.wait_fed,
    )
    server = RpcServer(f"{HOST}:0", "n1")
    await server.start(
        lambda each: storage_pb2_grpc.add_StorageServiceServicer_to_server(
            StorageService(node.driver, node.feed, server.streams), each
        ),
        lambda each: catalog_pb2_grpc.add_CatalogServiceServicer_to_server(
            CatalogService(node.feed, server.streams), each
        ),
        lambda each: admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(parts), each),
    )
    address = msgspec.structs.replace(region.nodes[0], address=f"{HOST}:{server.port}")
    async with RegionReader(msgspec.structs.replace(region, nodes=(address,)), patience_seconds=10) as reader:
        table = CreateTable(
            name="orders",
            key_schema=KeySchema(KeyAttribute("id", "S")),
            billing_mode=BillingMode.PAY_PER_REQUEST,
            throughput=Throughput(),
            indexes=(by("owner"),),
            now_ms=1,
            table_id="t",
        )
        made = await here.change(table)
        await node.feed.wait_beyond(made.version - 1)
        found = Served(node, here, reader)
        for number in range(ITEMS):
            await found.write(put(f"k{number}", owner=f"o{number % 4}"))
        await found.write(put("ownerless"))
        yield found
    await server.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await node.stop()


# What was just written has its row by then: the scrub waits for feeders before it looks.
async def test_scrub_of_a_sound_index_is_clean(served: Served) -> None:
    report = await served.scrub()
    assert report.is_clean
    assert (report.items, report.rows, report.examples) == (ITEMS + 1, ITEMS, [])


# A lost row, one that was kept, and one that is not as it should be: each is counted and shown.
async def test_scrub_finds_every_kind_of_damage(served: Served) -> None:
    await served.scrub()
    served.damage(item(1), body=b"")
    served.damage(item(2, owner="before"), body=orjson.dumps(item(2, owner="before")))
    served.damage(item(3), body=orjson.dumps(item(3) | {"more": {"S": "x"}}))
    report = await served.scrub()
    assert (report.missing, report.extra, report.differing, report.unjudged) == (1, 1, 1, 0)
    found = {each.kind: (each.key["id"]["S"], each.expected, each.found) for each in report.examples}
    assert found == {
        "missing": ("k1", item(1), None),
        "extra": ("k2", None, item(2, owner="before")),
        "differing": ("k3", item(3), item(3) | {"more": {"S": "x"}}),
    }


# A row that is stored under a key that is not its own cannot be found by those who look for it.
async def test_scrub_finds_a_misplaced_row(served: Served) -> None:
    await served.scrub()
    served.damage(item(1), body=b"")
    served.damage(item(99), body=orjson.dumps(item(1)))
    report = await served.scrub()
    assert (report.missing, report.is_clean) == (1, False)


# What is written while the scrub reads is no damage.
async def test_scrub_goes_on_while_items_are_written(served: Served) -> None:
    async def writes() -> None:
        number = 0
        while True:
            number += 1
            await served.write(put(f"k{number % ITEMS}", owner=f"o{number % 7}"))

    writing = asyncio.create_task(writes())
    report = await served.scrub()
    writing.cancel()
    assert (report.missing, report.extra, report.differing) == (0, 0, 0)


# A table or an index that is not there is told in one line.
async def test_scrub_of_nothing_is_refused(served: Served) -> None:
    with pytest.raises(NothingToScrub, match="has no global index 'none'; it has by-owner"):
        await scrubbed(served.reader, "orders", "none")
    with pytest.raises(NothingToScrub, match=r"no table 'none' in .+; there are orders"):
        await scrubbed(served.reader, "none", "by-owner")
