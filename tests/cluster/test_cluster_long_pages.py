"""Pages that take long to read, beside everything else: nobody ceases to lead, and no other client notices. Real processes."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.cluster import RunningCluster, make_table, running_cluster
from tests.support.counters import counted

TABLE, WRITTEN = "pages", "written"
ITEMS = 50_000
BATCH_ITEMS = 25
LOADERS = 16
SCANS = 10
# Legal, and 3 KB long: six lists of a hundred candidates, none of which any item has.
FILTER = " OR ".join(f"v IN ({','.join(f':{list_}_{each}' for each in range(100))})" for list_ in range(6))
VALUES = {f":{list_}_{each}": {"S": f"none {list_} {each}"} for list_ in range(6) for each in range(100)}
LEADERSHIP = ("globetable_elections_total", "globetable_leader_changes_total", "globetable_leaderships_lost_total")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("pages"), partitions=2) as running:
        dynamodb = running.client()
        make_table(dynamodb, TABLE)
        make_table(dynamodb, WRITTEN)
        with ThreadPoolExecutor(LOADERS) as pool:
            list(pool.map(lambda first: load(dynamodb, first), range(0, ITEMS, BATCH_ITEMS)))
        running.wait_ready()
        yield running


def load(dynamodb: Any, first: int) -> None:
    numbers = range(first, first + BATCH_ITEMS)
    items = [{"PutRequest": {"Item": {"pk": {"S": f"item {n}"}, "v": {"S": f"value {n}"}}}} for n in numbers]
    wanted = {TABLE: items}
    while wanted:
        wanted = dynamodb.batch_write_item(RequestItems=wanted).get("UnprocessedItems")


def scanned(dynamodb: Any, **options: Any) -> tuple[int, int]:
    """Read a whole table; return how many items were found, and how many looked at."""
    found = looked_at = 0
    for page in dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True, **options):
        found += page["Count"]
        looked_at += page["ScannedCount"]
    return found, looked_at


class Writer:
    """One client that writes and reads one item after another, and keeps what failed."""

    def __init__(self, dynamodb: Any) -> None:
        self.done = 0
        self.failures: list[str] = []
        self._dynamodb = dynamodb
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            key = {"pk": {"S": f"key {self.done}"}}
            try:
                self._dynamodb.put_item(TableName=WRITTEN, Item=key)
                found = self._dynamodb.get_item(TableName=WRITTEN, Key=key, ConsistentRead=True)
                assert found.get("Item") == key
            except (ClientError, BotoCoreError) as error:
                self.failures.append(str(error))
            self.done += 1

    def stop(self) -> None:
        self._stopping.set()


@contextmanager
def writing(cluster: RunningCluster) -> Iterator[Writer]:
    """Write on, without retries: whatever goes wrong is seen."""
    writer = Writer(cluster.client(retries=False))
    with ThreadPoolExecutor(1) as pool:
        running: Future[None] = pool.submit(writer.run)
        try:
            yield writer
        finally:
            writer.stop()
        running.result()


# One request with a long filter used to fell the leaders of all three nodes, one after another; ten at once must not fell one, and what
# others write and read meanwhile succeeds. Unfiltered ones of a megabyte a page did the same by their number.
@pytest.mark.parametrize("options", [{"FilterExpression": FILTER, "ExpressionAttributeValues": VALUES}, {}])
def test_ten_scans_at_once_cost_nobody_the_lead(cluster: RunningCluster, options: dict[str, Any]) -> None:
    before = counted(cluster, LEADERSHIP)
    with writing(cluster) as writer, ThreadPoolExecutor(SCANS) as pool:
        scans = list(pool.map(lambda _: scanned(cluster.client(), **options), range(SCANS)))
    print(f"{writer.done} writes and reads meanwhile, failed: {writer.failures}")
    assert scans == [(0 if options else ITEMS, ITEMS)] * SCANS
    assert counted(cluster, LEADERSHIP) == before
    assert writer.failures == []
    assert writer.done > 10
