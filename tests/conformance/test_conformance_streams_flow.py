"""DynamoDB Streams as the Kinesis Client Library reads them: every change once, in the order of its item, whatever happens."""

import random
from collections import defaultdict
from typing import Any

import pytest

from tests.support.conformance_streams import Record, stream_arn, stream_settings, switch_stream
from tests.support.conformance_table import Item, Table, drop, eventually
from tests.support.stream_consumer import StreamConsumer

SEEDS = (1, 2, 3)
KEYS = [{"pk": {"S": f"p{number // 2}"}, "sk": {"N": str(number % 2)}} for number in range(12)]
Change = tuple[str, Item | None, Item | None]


class Writer:
    """Write at random, and know what each write changed."""

    def __init__(self, table: Table, randomness: random.Random) -> None:
        self.changes: defaultdict[str, list[Change]] = defaultdict(list)
        self._table = table
        self._random = randomness
        self._items: dict[str, Item] = {}

    def write(self, count: int) -> None:
        for _ in range(count):
            self._random.choice([self._put, self._put, self._update, self._delete, self._put_many])()

    def taken(self) -> dict[str, list[Change]]:
        """Return the changes of every item since the last call."""
        changes, self.changes = dict(self.changes), defaultdict(list)
        return changes

    def _put(self) -> None:
        item = {**self._random.choice(KEYS), "v": {"N": str(self._random.randint(0, 2))}}
        self._table.put(item)
        self._changed(item, item)

    def _put_many(self) -> None:
        items = [{**key, "v": {"S": self._random.choice("ab")}} for key in self._random.sample(KEYS, 4)]
        requests = [{"PutRequest": {"Item": item}} for item in items]
        self._table.client.batch_write_item(RequestItems={self._table.name: requests})
        for item in items:
            self._changed(item, item)

    def _update(self) -> None:
        key, value = self._random.choice(KEYS), {"N": str(self._random.randint(0, 2))}
        self._table.update(key, "SET u = :u", ExpressionAttributeValues={":u": value})
        self._changed(key, {**self._items.get(str(key), key), "u": value})

    def _delete(self) -> None:
        key = self._random.choice(KEYS)
        self._table.delete(key)
        self._changed(key, None)

    def _changed(self, item: Item, after: Item | None) -> None:
        place = str({name: item[name] for name in ("pk", "sk")})
        before = self._items.get(place)
        if after == before:
            return
        name = "REMOVE" if after is None else "INSERT" if before is None else "MODIFY"
        self.changes[place].append((name, before, after))
        if after is None:
            del self._items[place]
        else:
            self._items[place] = after


def by_item(records: list[Record]) -> dict[str, list[Change]]:
    changes: defaultdict[str, list[Change]] = defaultdict(list)
    for record in records:
        change = record["dynamodb"]
        place = str({name: change["Keys"][name] for name in ("pk", "sk")})
        changes[place].append((record["eventName"], change.get("OldImage"), change.get("NewImage")))
    return changes


def finish(consumer: StreamConsumer) -> None:
    def is_done() -> bool:
        consumer.discover()
        consumer.step()
        return consumer.is_done

    eventually(is_done, "the end of every shard")


# Random writes, a stream that ends in the middle, one that ends with its table, and consumers that crash all the time.
@pytest.mark.parametrize("seed", SEEDS)
def test_every_change_is_seen_once_and_in_order(make_table: Any, streams: Any, seed: int) -> None:
    randomness = random.Random(seed)
    table = make_table("N", **stream_settings())
    writer = Writer(table, randomness)
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
        finish(consumer)
        assert by_item(consumer.records) == changes, f"seed {seed}"
        names = [record["eventID"] for record in consumer.records]
        assert len(names) == len(set(names))
