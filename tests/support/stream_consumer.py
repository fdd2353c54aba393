"""A consumer in the manner of the Kinesis Client Library: leases on shards, parents first, checkpoints by sequence number."""

import random
from typing import Any

from tests.support.conformance_streams import Record, iterator_of, shards_of
from tests.support.conformance_table import eventually

TRIM_HORIZON, SHARD_END = "TRIM_HORIZON", "SHARD_END"


class StreamConsumer:
    """Read one stream to its end. It often forgets its iterators, as a worker that crashed or lost its lease does."""

    def __init__(self, streams: Any, arn: str, randomness: random.Random) -> None:
        self.records: list[Record] = []
        self._streams = streams
        self._arn = arn
        self._random = randomness
        self._parents: dict[str, str | None] = {}
        self._checkpoints: dict[str, str] = {}
        self._iterators: dict[str, str] = {}

    @property
    def is_done(self) -> bool:
        """Tell whether every shard that is known has ended."""
        return bool(self._checkpoints) and all(place == SHARD_END for place in self._checkpoints.values())

    def discover(self) -> None:
        """Look for shards, a few at a time, and for the children of one, as the library does when a shard has ended."""
        for shard in shards_of(self._streams, self._arn, Limit=self._random.randint(1, 3)):
            self._parents[shard["ShardId"]] = shard.get("ParentShardId")
            self._checkpoints.setdefault(shard["ShardId"], TRIM_HORIZON)
        parent = self._random.choice(list(self._parents))
        for child in shards_of(self._streams, self._arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent}):
            assert child["ParentShardId"] == parent

    def step(self) -> None:
        """Take a page from every shard that may be read, or from some."""
        for shard, place in list(self._checkpoints.items()):
            parent = self._parents[shard]
            is_free = parent is None or self._checkpoints.get(parent, SHARD_END) == SHARD_END
            if place != SHARD_END and is_free and self._random.random() < 0.8:
                self._read(shard, place)

    def finish(self) -> None:
        """Read until every shard has ended."""

        def is_done() -> bool:
            self.discover()
            self.step()
            return self.is_done

        eventually(is_done, "the end of every shard")

    def _read(self, shard: str, place: str) -> None:
        iterator = self._iterators.pop(shard, None)
        if iterator is None or self._random.random() < 0.3:
            iterator = self._iterator(shard, place)
        answer = self._streams.get_records(ShardIterator=iterator, Limit=self._random.choice([1, 2, 7, 1000]))
        self.records += answer["Records"]
        if answer["Records"]:
            self._checkpoints[shard] = answer["Records"][-1]["dynamodb"]["SequenceNumber"]
        if "NextShardIterator" in answer:
            self._iterators[shard] = answer["NextShardIterator"]
        else:
            self._checkpoints[shard] = SHARD_END

    def _iterator(self, shard: str, place: str) -> str:
        if place == TRIM_HORIZON:
            return iterator_of(self._streams, self._arn, shard)
        return iterator_of(self._streams, self._arn, shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=place)
