"""Streams on real processes: whoever leads and dies, a consumer sees every change once, in the order of its item."""

import random
from pathlib import Path

from tests.support.cluster import running_cluster
from tests.support.conformance_streams import stream_arn, stream_settings, switch_stream
from tests.support.conformance_table import HASH, STRING_KEY, Table, wait_until_active
from tests.support.stream_consumer import StreamConsumer
from tests.support.stream_writer import StreamWriter, by_item

ROUNDS = 6


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
