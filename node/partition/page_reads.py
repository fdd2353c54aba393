"""One page under way on one replica.

Pure. Knows whom it is for and on which terms it began: the placement's epoch and, for a strong one, the leader's term. Refuses to know
when it is read.
"""

from collections.abc import Callable
from typing import Protocol

from node.partition.reads import PageReader
from node.partition.waiting import TOO_LATE, Waiting
from wire.catalog import PartitionId, Placement
from wire.commands import Failed, NotLeader


class Replica(Protocol):
    """The replica that a page is read on; `node.partition.core.PartitionCore` is one."""

    placement: Placement

    def read_slice(self, page: "PageRead", is_over: Callable[[], bool]) -> Failed | NotLeader | None:
        """Let a page go on; return why it cannot."""
        ...

    def answer_page(self, page: "PageRead") -> None:
        """Answer with what a page has read."""
        ...


class PageRead:
    """Satisfy `node.partition.page_turns.Reading`. `term` is 0 for a page that needs no leader."""

    __slots__ = ("_replica", "epoch", "is_confirmed", "reader", "term", "waiting")

    def __init__(  # whose, for whom, how
        self, replica: Replica, waiting: Waiting, reader: PageReader, epoch: int, term: int, *, is_confirmed: bool
    ) -> None:
        self._replica = replica
        self.waiting = waiting
        self.reader = reader
        self.epoch = epoch
        self.term = term
        self.is_confirmed = is_confirmed

    @property
    def partition(self) -> PartitionId:
        """Return the partition that is read."""
        return self._replica.placement.partition

    @property
    def deadline(self) -> float:
        """Return when nobody waits for it any more."""
        return self.waiting.deadline

    def read_slice(self, is_over: Callable[[], bool]) -> bool:
        """Read on; tell whether the page is answered, or waits for leadership to be confirmed."""
        refusal = self._replica.read_slice(self, is_over)
        if refusal is not None:
            self.waiting.done(self.waiting.id, refusal)
            return True
        if self.reader.is_complete:
            self.end()
        return self.reader.is_complete

    def end(self) -> None:
        """Answer with what was read."""
        self._replica.answer_page(self)

    def refuse(self, outcome: Failed) -> None:
        """Answer with a refusal."""
        self.waiting.done(self.waiting.id, outcome)

    def expire(self) -> None:
        """Answer that its time is up."""
        self.waiting.done(self.waiting.id, TOO_LATE)
