"""Writes on their way: queued, then evaluated in order into one entry, then waiting for it to commit.

Knows order and the bounds of one turn. Refuses to know consensus.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from node.partition.entries import Cursor, cursor_piece, effect_piece
from node.partition.machine import StateMachine
from node.partition.waiting import LOST, TOO_LATE, Committing, Judged, Waiting
from node.storage.engine import View
from wire.commands import Outcome, Written
from wire.limits import ENTRY_BYTES_MAX

ENTRY_CLOSES_BYTES = ENTRY_BYTES_MAX // 2
"""A turn evaluates no further write once its entry is this large. A single effect may be larger: an item of 400 KB with its old
image and its rows in local indexes."""

EVALUATING_SECONDS_MAX = 0.005
"""A turn evaluates no further write once that took so long: messages and other partitions have their turns, too."""

_DONE = Written(b"", 0, 0)


class Evaluated(NamedTuple):
    """What a turn evaluated: each request with the entry its outcome rests on, and the pieces of the entry to propose."""

    judged: list[tuple[Judged, int]]
    pieces: list[bytes]


class WriteQueue:
    """Hold the writes of one replica."""

    def __init__(self, machine: StateMachine, monotonic: Callable[[], float], turn_requests_max: int) -> None:
        self.committing = Committing()
        self._machine = machine
        self._monotonic = monotonic
        self._turn_requests_max = turn_requests_max
        self._queue: deque[Waiting] = deque()

    def __bool__(self) -> bool:
        """Tell whether a write waits to be evaluated."""
        return bool(self._queue)

    @property
    def count(self) -> int:
        """Return how many requests are not answered."""
        return len(self._queue) + self.committing.count

    def add(self, waiting: Waiting) -> None:
        """Queue a write."""
        self._queue.append(waiting)

    def evaluate(self, index: int, view: View) -> Evaluated:
        """Evaluate queued writes in order for the entry at `index`, up to the bounds; late ones are answered so."""
        judged: list[tuple[Judged, int]] = []
        pieces: list[bytes] = []
        size = 0
        queue, monotonic = self._queue, self._monotonic
        began = now = monotonic()
        evaluate = self._machine.evaluate
        while queue and size < ENTRY_CLOSES_BYTES and len(judged) < self._turn_requests_max:
            waiting = queue.popleft()
            command = waiting.command
            if waiting.deadline <= now:
                waiting.done(waiting.id, TOO_LATE)
            elif isinstance(command, Cursor):
                pieces.append(cursor_piece(command))
                judged.append((Judged(waiting, _DONE, True), 0))
            else:
                effect, outcome, rests_on = evaluate(command, view, index)
                if effect:
                    pieces.append(effect_piece(effect))
                    size += len(effect)
                judged.append((Judged(waiting, outcome, bool(effect)), rests_on))
                now = monotonic()
                if now - began >= EVALUATING_SECONDS_MAX:
                    break
        return Evaluated(judged, pieces)

    def put_back(self, judged: list[tuple[Judged, int]]) -> None:
        """Queue what was evaluated in vain again, before everything else."""
        self._queue.extendleft(each.waiting for each, _ in reversed(judged))

    def expired(self, now: float) -> list[Waiting]:
        """Take out the writes that were not evaluated in time."""
        late = [waiting for waiting in self._queue if waiting.deadline <= now]
        if late:
            self._queue = deque(waiting for waiting in self._queue if waiting.deadline > now)
        return late

    def refuse(self, outcome: Outcome) -> None:
        """Answer what was not proposed."""
        waiting, self._queue = self._queue, deque()
        for each in waiting:
            each.done(each.id, outcome)

    def close(self, outcome: Outcome) -> None:
        """Answer everything: `outcome` where nothing was proposed, else that it is not known what became of it."""
        self.refuse(outcome)
        for judged in self.committing.clear():
            judged.waiting.done(judged.waiting.id, LOST if judged.is_written else outcome)
