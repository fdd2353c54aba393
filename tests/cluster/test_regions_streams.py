"""Streams of a global table: each region's own, of what was written there and of what came from the other."""

from pathlib import Path

from tests.support.cluster import add_replica, running_cluster
from tests.support.conformance_streams import Record, records_until, stream_arn, stream_settings
from tests.support.conformance_table import HASH, STRING_KEY, Item, Table, wait_until_active

HERE, THERE = 0, 1
KEY = {"pk": {"S": "a"}}


# As on AWS a replicated write is a record like any other: by what it did to the item here, with nothing that says where it is from.
def test_each_region_shows_the_writes_of_both(tmp_path: Path) -> None:
    with running_cluster(tmp_path, regions=2, nodes=1, partitions=2, replicas=1) as cluster:
        clients = [cluster.client(HERE), cluster.client(THERE)]
        clients[HERE].create_table(
            TableName="shared",
            AttributeDefinitions=[STRING_KEY],
            KeySchema=[HASH],
            BillingMode="PAY_PER_REQUEST",
            **stream_settings(),
        )
        wait_until_active(clients[HERE], "shared")
        add_replica(cluster, "shared", HERE, THERE)
        tables = [Table(client, "shared") for client in clients]
        streams = [cluster.client(region, service="dynamodbstreams") for region in (HERE, THERE)]
        arns = [stream_arn(table) for table in tables]
        one, two = {**KEY, "v": {"N": "1"}}, {**KEY, "v": {"N": "2"}}
        changes = [("INSERT", None, one), ("MODIFY", one, two), ("REMOVE", two, None)]
        writes = [lambda: tables[HERE].put(one), lambda: tables[THERE].put(two), lambda: tables[HERE].delete(KEY)]
        for count, write in enumerate(writes, 1):
            write()
            for region in (HERE, THERE):
                # The next write follows once this one is seen in both: then all agree which came first.
                records = [record for _, record in records_until(streams[region], arns[region], count)]
                assert [_shown(record) for record in records] == changes[:count]
                assert {record["awsRegion"] for record in records} == {cluster.regions[region].name}
                assert not any("userIdentity" in record for record in records)


def _shown(record: Record) -> tuple[str, Item | None, Item | None]:
    change = record["dynamodb"]
    return record["eventName"], change.get("OldImage"), change.get("NewImage")
