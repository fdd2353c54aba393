"""What applying effects adds up to: how much a partition holds, and the digests of it.

Knows which of the two every record concerns. Refuses to know why anything is stored.
"""

from node.partition.sizes import SizeChanges
from node.storage.digests import DigestChanges, Tokens
from node.storage.engine import Transaction
from node.storage.items import Former


class RowTally:
    """Gather what the rows of one transaction change."""

    __slots__ = ("_tokens", "digests", "sizes")

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.clear()

    def clear(self) -> None:
        """Begin again: what was gathered is written."""
        self.sizes = SizeChanges()
        self.digests = DigestChanges(self._tokens)

    def stored(self, table: int, index: int, record: bytes, former: Former) -> None:
        """Count a record that was stored in place of another, or of none. Raises DamagedRecord."""
        self.digests.record(former, record)
        self.sizes.stored(table, index, record, former.record)

    def removed(self, table: int, index: int, former: Former) -> None:
        """Count a record that was removed, if there was one. Raises DamagedRecord."""
        if former.record is not None:
            self.digests.record(former, None)
            self.sizes.removed(table, index, former.record)

    def write(self, partition: int, transaction: Transaction) -> None:
        """Add what was gathered to what is stored. Raises DamagedRecord."""
        self.sizes.write(partition, transaction)
        self.digests.write(partition, transaction)
