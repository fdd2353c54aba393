"""What tests of several regions do beside what `tests.support.cluster` offers: fill fast, compare regions, find who ships."""

import asyncio
import random
import threading
import time
from collections.abc import Iterable
from typing import Any

import aiohttp
import orjson

from deploy.cli.admin import node_statuses
from tests.support.cluster import Deadline, RunningCluster, eventually

PATIENCE_SECONDS = 60.0
FILL_CONNECTIONS = 16

Row = tuple[int, int, bool, bytes]


def fill(cluster: RunningCluster, table: str, items: Iterable[dict[str, Any]], region: int = 0) -> None:
    """Put many items through a region's API over a few raw connections; needs a cluster without signatures."""
    asyncio.run(_fill(f"http://{cluster.regions[region].http}/", table, iter(items)))


async def _fill(url: str, table: str, items: Any) -> None:
    headers = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as tasks:
        for _ in range(FILL_CONNECTIONS):
            tasks.create_task(_fill_one(session, url, table, items))


async def _fill_one(session: aiohttp.ClientSession, url: str, table: str, items: Any) -> None:
    for item in items:
        body = orjson.dumps({"TableName": table, "Item": item})
        async with session.post(url, data=body) as answer:
            assert answer.status == 200, await answer.text()


def dumps(cluster: RunningCluster, table: str) -> list[dict[tuple[bytes, bytes], Row]]:
    """Return what every region holds."""
    return [cluster.dump(table, region) for region in range(len(cluster.regions))]


def converged(cluster: RunningCluster, table: str, seconds: float = PATIENCE_SECONDS) -> dict[Any, Row]:
    """Wait until all regions hold the same, to the byte and the version, and return it."""
    began = time.monotonic()

    def same() -> dict[Any, Row] | None:
        first, *others = dumps(cluster, table)
        return first if all(other == first for other in others) else None

    try:
        result: dict[Any, Row] = eventually(same, "regions converge", seconds)
    except Deadline as late:
        raise Deadline(f"{late}: {difference(cluster, table)}") from None
    print(f"converged on {len(result)} records in {time.monotonic() - began:.2f} s")
    return result


def difference(cluster: RunningCluster, table: str) -> str:
    """Say how many records each region holds, for a failing test."""
    return ", ".join(
        f"{region.name}: {len(held)}" for region, held in zip(cluster.regions, dumps(cluster, table), strict=True)
    )


def backlog(cluster: RunningCluster, source: int, destination: int) -> int:
    """Return how many records one region still has to ship to another."""
    name = cluster.regions[destination].name
    statuses = asyncio.run(node_statuses(cluster.regions[source].nodes))
    links = [link for status in statuses.values() if status is not None for link in status.links]
    return sum(link.pending_records for link in links if link.destination == name)


class MixedWriter(threading.Thread):
    """Puts, updates and deletes items in an order that the seed decides, each once or more, for that many seconds.

    `deleted` says of each key whether the last write, every one of which was acknowledged, deleted it.
    """

    def __init__(self, client: Any, table: str, *, seed: int, keys: Iterable[str], mark: str, seconds: float) -> None:
        super().__init__(name=f"writer-{mark}")
        self.deleted: dict[str, bool] = {}
        self._client = client
        self._table = table
        self._random = random.Random(seed)
        self._keys = list(keys)
        self._mark = mark
        self._seconds = seconds

    def run(self) -> None:
        end = time.monotonic() + self._seconds
        while not self.deleted or time.monotonic() < end:
            self._random.shuffle(self._keys)
            for name in self._keys:
                self._write(name, self._random.randrange(3))

    def _write(self, name: str, draw: int) -> None:
        client, key = self._client, {"pk": {"S": name}}
        if draw == 0:
            client.put_item(TableName=self._table, Item={**key, "by": {"S": self._mark}})
        elif draw == 1:
            values = {":by": {"S": self._mark}, ":one": {"N": "1"}}
            client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET updated_by = :by ADD n :one",
                ExpressionAttributeValues=values,
            )
        else:
            client.delete_item(TableName=self._table, Key=key)
        self.deleted[name] = draw == 2
