"""DynamoDB Streams as the Kinesis Client Library reads them: every change once, in the order of its item, whatever happens."""

import random
from typing import Any

import pytest

from tests.support.conformance_streams import stream_arn, stream_settings, switch_stream
from tests.support.conformance_table import drop
from tests.support.stream_consumer import StreamConsumer
from tests.support.stream_writer import StreamWriter, by_item

SEEDS = (1, 2, 3)


# Random writes, a stream that ends in the middle, one that ends with its table, and consumers that crash all the time.
@pytest.mark.parametrize("seed", SEEDS)
def test_every_change_is_seen_once_and_in_order(make_table: Any, streams: Any, seed: int) -> None:
    randomness = random.Random(seed)
    table = make_table("N", **stream_settings())
    writer = StreamWriter(table, randomness)
    consumers, expected = [], []
    for is_last in (False, True):
        consumers.append(StreamConsumer(streams, stream_arn(table), randomness))
        for _ in range(8):
            writer.write(randomness.randint(0, 6))
            for consumer in consumers:
                consumer.discover()
                consumer.step()
        expected.append(writer.taken())
        if not is_last:
            switch_stream(table, StreamEnabled=False)
            writer.write(5)
            writer.taken()
            switch_stream(table, **stream_settings()["StreamSpecification"])
    drop(table.client, table.name)
    for consumer, changes in zip(consumers, expected, strict=True):
        consumer.finish()
        assert by_item(consumer.records) == changes, f"seed {seed}"
        names = [record["eventID"] for record in consumer.records]
        assert len(names) == len(set(names))
