"""Lanes: one ordered sequence of reads, sent as batches that may be acknowledged in any order.

Knows what has been read, what is under way and up to where everything is acknowledged. Refuses to know what the places mean: sequence
numbers for the stream of changes, positions for a scan.
"""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from node.replication.cursors import BatchId

Place = TypeVar("Place")


@dataclass(slots=True, kw_only=True)
class Flight(Generic[Place]):
    """A read on its way: everything up to `through` is acknowledged once this and all flights before it are.

    `since`: when the oldest change in it was written, on the monotonic clock; None = it has none.
    """

    batch: BatchId
    through: Place
    since: float | None = None
    is_acknowledged: bool = False


class Lane(Generic[Place]):
    """Track one sequence of reads.

    Invariant: acknowledged <= every flight's `through` <= read, in the order of the places.
    """

    def __init__(self, start: Place) -> None:
        self.acknowledged = start
        self.read = start
        self.flights: deque[Flight[Place]] = deque()
        self.since: float | None = None
        """When the oldest known change behind `acknowledged` that is not in flight was written; None = there is none."""

    @property
    def is_behind(self) -> bool:
        """Whether something is known to be unacknowledged."""
        return bool(self.flights) or self.since is not None

    def behind_since(self) -> float | None:
        """Return when the oldest change known to be unacknowledged was written; None = none."""
        return next((flight.since for flight in self.flights if flight.since is not None), self.since)

    def since_of(self, batch: BatchId) -> float | None:
        """Return when the oldest change in a batch under way was written; None when that is not known."""
        return next((flight.since for flight in self.flights if flight.batch == batch), None)

    def skip(self, through: Place) -> None:
        """Note that a read found nothing to send up to `through`."""
        self.launch(Flight(batch=BatchId(0), through=through, is_acknowledged=True))

    def launch(self, flight: Flight[Place]) -> None:
        """Note that a read was sent, or needs no sending."""
        self.flights.append(flight)
        self.read = flight.through
        self.since = None
        self._advance()

    def settle(self, batch: BatchId) -> None:
        """Note that a batch is acknowledged, if it is one of ours."""
        for flight in self.flights:
            if flight.batch == batch:
                flight.is_acknowledged = True
        self._advance()

    def reset(self) -> tuple[BatchId, ...]:
        """Forget what is under way, so that it is read again; return the batches that no longer count."""
        self.since = self.behind_since()
        batches = tuple(flight.batch for flight in self.flights)
        self.flights.clear()
        self.read = self.acknowledged
        return batches

    def _advance(self) -> None:
        while self.flights and self.flights[0].is_acknowledged:
            self.acknowledged = self.flights.popleft().through
