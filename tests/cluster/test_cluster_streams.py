"""Streams on real processes: whoever leads and dies, a consumer sees every change once, in the order of its item."""

import random
from pathlib import Path
from typing import Any

from tests.support.cluster import eventually, running_cluster
from tests.support.conformance_streams import (
    iterator_of,
    records_until,
    shards_of,
    stream_arn,
    stream_settings,
    switch_stream,
)
from tests.support.conformance_table import HASH, STRING_KEY, Table, drop, refused, wait_until_active
from tests.support.stream_consumer import StreamConsumer
from tests.support.stream_writer import StreamWriter, by_item

ROUNDS = 6
RETENTION_SECONDS = 8  # short, and long enough for a few requests on a busy machine


# Nodes are killed in turn under writes and reads. What a dead leader had answered is in the stream, once; its end is an end.
def test_streams_survive_their_leaders(tmp_path: Path) -> None:
    randomness = random.Random(5)
    with running_cluster(tmp_path, partitions=3) as cluster:
        client, streams = cluster.client(), cluster.client(service="dynamodbstreams")
        client.create_table(
            TableName="streamed",
            AttributeDefinitions=[STRING_KEY, {"AttributeName": "sk", "AttributeType": "N"}],
            KeySchema=[HASH, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
            **stream_settings(),
        )
        wait_until_active(client, "streamed")
        table = Table(client, "streamed")
        writer = StreamWriter(table, randomness)
        consumer = StreamConsumer(streams, stream_arn(table), randomness)
        for number in range(ROUNDS):
            killed = cluster.leader(1 + number % 3)
            writer.write(20)
            cluster.local.kill(killed)
            for _ in range(5):
                writer.write(5)
                consumer.discover()
                consumer.step()
            cluster.local.start(killed)
            cluster.wait_ready()
        switch_stream(table, StreamEnabled=False)
        expected = writer.taken()
        writer.write(10)
        consumer.finish()
        assert by_item(consumer.records) == expected


# Retention is a setting, short here. Old records go, whoever was about to read them is told, and an ended stream goes as a whole.
def test_retention(tmp_path: Path) -> None:
    with running_cluster(
        tmp_path, nodes=1, partitions=1, replicas=1, stream_retention_seconds=RETENTION_SECONDS
    ) as cluster:
        client, streams = cluster.client(), cluster.client(service="dynamodbstreams")
        client.create_table(
            TableName="streamed",
            AttributeDefinitions=[STRING_KEY],
            KeySchema=[HASH],
            BillingMode="PAY_PER_REQUEST",
            **stream_settings(),
        )
        wait_until_active(client, "streamed")
        table = Table(client, "streamed")
        table.put({"pk": {"S": "a"}})
        old = stream_arn(table)
        ((shard, record),) = records_until(streams, old, 1)
        place = {"SequenceNumber": record["dynamodb"]["SequenceNumber"]}
        iterator = iterator_of(streams, old, shard, "AT_SEQUENCE_NUMBER", **place)
        horizon = iterator_of(streams, old, shard)
        eventually(lambda: not streams.get_records(ShardIterator=horizon)["Records"], "the record is trimmed")
        trimmed = ("TrimmedDataAccessException", "The data you are trying to access has been trimmed")
        assert refused(streams.get_records, ShardIterator=iterator) == trimmed
        asked = {"StreamArn": old, "ShardId": shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER", **place}
        assert refused(streams.get_shard_iterator, **asked) == trimmed
        (numbers,) = (each["SequenceNumberRange"] for each in shards_of(streams, old))
        assert numbers["StartingSequenceNumber"] > place["SequenceNumber"]
        switch_stream(table, StreamEnabled=False)
        switch_stream(table, **stream_settings()["StreamSpecification"])
        new = stream_arn(table)
        drop(client, "streamed")
        for arn in (old, new):
            eventually(lambda arn=arn: not _is_listed(streams, arn), "a stream that ended is gone")
            assert refused(streams.describe_stream, StreamArn=arn)[0] == "ResourceNotFoundException"


def _is_listed(streams: Any, arn: str) -> bool:
    return arn in [stream["StreamArn"] for stream in streams.list_streams()["Streams"]]
