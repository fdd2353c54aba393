"""Global indexes of a global table: each region keeps its own, fed by what it wrote and by what it received."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.cli.region_reader import RegionReader
from deploy.cli.scrub import ScrubReport, scrubbed
from tests.support.cluster import RunningCluster, add_replica, eventually, running_cluster
from tests.support.replication_cluster import MixedWriter, converged, fill

TABLE = "shared"
INDEX = "by-mark"
SEED = 20_261_124
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("regions-indexes")
    with running_cluster(folder, regions=2, partitions=2, signatures=False) as running:
        dynamodb = running.client(0)
        dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "by", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {
                    "IndexName": INDEX,
                    "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        eventually(lambda: dynamodb.describe_table(TableName=TABLE)["Table"]["TableStatus"] == "ACTIVE", "active")
        yield running


def scrub(cluster: RunningCluster, region: int) -> ScrubReport:
    async def scrubbing() -> ScrubReport:
        async with RegionReader(cluster.regions[region], patience_seconds=PATIENCE_SECONDS) as reader:
            return await scrubbed(reader, TABLE, INDEX)

    return asyncio.run(scrubbing())


# A replica is added to a table with an index and data; then both regions write, and leaders die, and both indexes are whole.
def test_each_region_keeps_its_index(cluster: RunningCluster) -> None:
    names = [f"k{number}" for number in range(300)]
    fill(cluster, TABLE, ({"pk": {"S": name}, "by": {"S": f"before{len(name)}"}} for name in names))
    add_replica(cluster, TABLE, 0, 1)
    writers = [
        MixedWriter(cluster.client(region), TABLE, seed=SEED + region, keys=names, mark=str(region), seconds=0.0)
        for region in (0, 1)
    ]
    for writer in writers:
        writer.start()
    leader = cluster.leader(1, region=1)
    cluster.local.kill(leader)
    cluster.local.start(leader)
    for writer in writers:
        writer.join()
    cluster.wait_ready()
    converged(cluster, TABLE)
    reports = [scrub(cluster, region) for region in (0, 1)]
    print(reports)
    assert all(report.is_clean for report in reports), reports
    assert reports[0].items == reports[1].items > 100
    assert reports[0].rows == reports[1].rows > 50
