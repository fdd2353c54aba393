"""What tests of storage share."""

from collections.abc import Mapping

from node.storage.batch import WriteBatch
from node.storage.directory import Identity
from node.storage.engine import Engine, Space, Transaction

IDENTITY = Identity(cluster="test-cluster", region="eu-west-1", node="n1")


def put_all(engine: Engine, values: Mapping[bytes, bytes], space: Space = Space.ITEMS) -> None:
    """Store some rows in one transaction."""

    def body(transaction: Transaction) -> None:
        for key, value in values.items():
            transaction.put(space, key, value)

    engine.write(body)


def commit(engine: Engine, batch: WriteBatch) -> None:
    """Write a batch as the writer would, on this thread."""
    engine.write(batch.apply)
    for notice in batch.on_commit:
        notice()
