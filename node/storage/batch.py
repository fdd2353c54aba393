"""What one caller wants written together, as a plain list of operations that can be built without a transaction and replayed.

Knows order. Refuses to know when and on which thread it is written.
"""

from collections.abc import Callable

from node.storage.engine import Space, Transaction

Operation = Callable[[Transaction], object]


class WriteBatch:
    """Collect writes that belong together. Building one costs little, and it can be run any number of times."""

    __slots__ = ("bytes", "on_commit", "operations")

    def __init__(self) -> None:
        self.operations: list[tuple[Space, bytes, bytes | None] | Operation] = []
        self.on_commit: list[Callable[[], None]] = []
        self.bytes = 0

    def put(self, space: Space, key: bytes, value: bytes) -> None:
        """Store a value under a key."""
        self.operations.append((space, key, value))
        self.bytes += len(value)

    def delete(self, space: Space, key: bytes) -> None:
        """Remove a key."""
        self.operations.append((space, key, None))

    def delete_range(self, space: Space, lower: bytes, upper: bytes | None, entries_max: int) -> None:
        """Remove the first `entries_max` keys of lower <= key < upper."""
        self.operations.append(lambda transaction: transaction.delete_range(space, lower, upper, entries_max))

    def call(self, operation: Operation) -> None:
        """Run a function on the transaction; it may run more than once and must touch nothing else."""
        self.operations.append(operation)

    def after_commit(self, notice: Callable[[], None]) -> None:
        """Have a function called on the event loop once the batch is durable, before its future is resolved."""
        self.on_commit.append(notice)

    def apply(self, transaction: Transaction) -> None:
        """Run the writes in order."""
        put, delete = transaction.put, transaction.delete
        for operation in self.operations:
            if not isinstance(operation, tuple):
                operation(transaction)
                continue
            space, key, value = operation
            if value is None:
                delete(space, key)
            else:
                put(space, key, value)
