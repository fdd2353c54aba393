"""The node's clock at work: judged every tick, its mark kept durable, and everybody told when it may or may not stamp.

Knows the clock's row on disk. Refuses to know what a right clock is (`node.clocks`), and what a node does that must not lead.
"""

import contextlib
import dataclasses
import struct
from collections.abc import Callable
from typing import Final

from node.clocks.exchange import ClockExchange, ClockStamp
from node.clocks.region import Mark, RegionClock
from node.partition.parts import NodeParts
from node.storage.batch import WriteBatch
from node.storage.engine import Space, View
from node.storage.errors import StorageError
from node.storage.sealed import sealed, unsealed
from wire.catalog import NodeId
from wire.commands import Failed
from wire.errors import ErrorCode
from wire.telemetry import EventLog
from wire.versions import HybridClock

_MARK: Final = struct.Struct(">QQQQ")
_MARK_KEY: Final = b"clock"

_log = EventLog(__name__)


class ClockWatch:
    """Own the clock that everything on this node is stamped with. `changed` is called when it may stamp, or no longer."""

    def __init__(self, parts: NodeParts, skew_ms: int, changed: Callable[[], None]) -> None:
        self._parts = parts
        self._changed = changed
        with parts.engine.snapshot() as view:
            mark = read_mark(view)
        self.clock = RegionClock(parts.clock, skew_ms, has_peers=parts.has_peers, mark=mark)
        self.hybrid = HybridClock(self.clock, parts.region_number, limit_ms=lambda: self.clock.limit_ms)
        self._exchange = ClockExchange(self.clock, parts.random)
        self._is_marking = self._may_stamp = self._is_off = False

    @property
    def refusal(self) -> Failed | None:
        """Return what writes are refused with while this node's clock is off, else None."""
        return Failed(ErrorCode.NOT_READY, self.clock.judgement.text) if self._is_off else None

    def may_stamp(self) -> bool:
        """Tell whether versions may be stamped now; a jump of the wall clock is noticed before the first one after it."""
        self.clock.wall_ms()
        return self.clock.may_stamp

    def tick(self) -> None:
        """Judge the clock and keep its mark ahead."""
        self.clock.judge()
        self._keep_mark()
        self._look()

    def stop(self) -> None:
        """Leave a mark that is not ahead of time, now that nothing is stamped any more; where it cannot be written the last one stays."""
        mark = self.clock.end(self.hybrid.latest_ms)
        if mark.limit_ms > 0:
            with contextlib.suppress(StorageError):
                future = self._parts.writer.submit(_marking(mark))
                future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def stamp_for(self, node: NodeId) -> ClockStamp:
        """Return what a batch to another node that leaves now says of the clocks here."""
        return self._exchange.stamp(node)

    def heard(self, node: NodeId, stamp: ClockStamp) -> None:
        """Take what another node's batch says of its clocks."""
        self._exchange.received(node, stamp)
        if not self._may_stamp:
            self._keep_mark()
            self._look()

    def _keep_mark(self) -> None:
        mark = self.clock.wanted_mark()
        if mark is None or self._is_marking:
            return
        self._is_marking = True
        future = self._parts.writer.submit(_marking(mark), lazy=self._may_stamp)
        future.add_done_callback(lambda done: self._marked(mark, None if done.cancelled() else done.exception()))

    def _marked(self, mark: Mark, error: BaseException | None) -> None:
        # A mark that could not be written is tried again by the next tick; until then the time told stands still below the last one.
        self._is_marking = False
        if error is None:
            self.clock.marked(mark)
            self._look()
        elif not isinstance(error, StorageError):
            self._parts.on_fatal(error)

    def _look(self) -> None:
        """Notice what has changed."""
        before = self._may_stamp, self._is_off
        self._may_stamp, self._is_off = self.clock.may_stamp, self.clock.standing.is_off
        if before == (self._may_stamp, self._is_off):
            return
        if self._is_off != before[1]:
            self._tell()
        self._changed()

    def _tell(self) -> None:
        judgement, node = self.clock.judgement, self._parts.node
        if self._is_off:
            offset = round(judgement.off_ms / 1_000, 3)
            _log.error("clock_refused", node=node, offset_seconds=offset, reason=judgement.text)
        else:
            _log.warning("clock_right_again", node=node, offset_seconds=round(self.clock.offset_seconds, 3))


def _marking(mark: Mark) -> WriteBatch:
    batch = WriteBatch()
    batch.put(Space.NODE, _MARK_KEY, sealed(_MARK.pack(*dataclasses.astuple(mark)), _MARK_KEY))
    return batch


def read_mark(view: View) -> Mark:
    """Return the mark of this node's clock; a damaged one is as good as none: nothing that was told is on this disk alone.

    One that was written before marks knew more than a limit and what was borrowed is filled up.
    """
    stored = view.get(Space.NODE, _MARK_KEY)
    value = unsealed(stored, _MARK_KEY) if stored is not None else None
    return Mark() if value is None else Mark(*_MARK.unpack(value.ljust(_MARK.size, b"\0")))
