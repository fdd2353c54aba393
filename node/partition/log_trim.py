"""How much log is kept behind the applied state: enough entries for a follower that lags, within a bound of bytes.

Pure. Counts what is appended and names the index up to which the log may go. Refuses to know storage.
"""

from collections import deque

STEPS = 8
"""The log is trimmed, and its bytes are counted, in so many steps per bound: trimming costs next to nothing per entry."""


class LogTrim:
    """Decide how far the log may be trimmed. Bytes are counted since the start of the process.

    Invariant: `_samples` holds growing pairs of an index and the bytes appended up to and with it.
    """

    __slots__ = ("_bytes", "_bytes_max", "_entries_kept", "_samples", "_step_bytes", "_step_entries")

    def __init__(self, entries_kept: int, bytes_max: int) -> None:
        self._entries_kept = entries_kept
        self._bytes_max = bytes_max
        self._step_entries = max(1, entries_kept // STEPS)
        self._step_bytes = max(1, bytes_max // STEPS)
        self._bytes = 0
        self._samples: deque[tuple[int, int]] = deque()

    def appended(self, index: int, size: int) -> None:
        """Count the bytes of an entry. One that replaces another counts again: the bound is a rough one."""
        self._bytes += size
        samples = self._samples
        while samples and samples[-1][0] >= index:
            samples.pop()
        last_index, last_bytes = samples[-1] if samples else (0, 0)
        if index >= last_index + self._step_entries or self._bytes >= last_bytes + self._step_bytes:
            samples.append((index, self._bytes))

    def target(self, start: int, applied: int) -> int:
        """Return the index up to which a log that begins after `start` may be trimmed now; `start` itself: not yet."""
        excess = self._excess_index(applied)
        target = max(applied - self._entries_kept, excess)
        if target >= start + self._step_entries or start < excess == target:
            return target
        return start

    def _excess_index(self, applied: int) -> int:
        """Return the last applied sample behind which there are more bytes than are kept; 0 when there is none."""
        samples = self._samples
        while len(samples) > 1 and self._is_excess(samples[1], applied):
            samples.popleft()
        return samples[0][0] if samples and self._is_excess(samples[0], applied) else 0

    def _is_excess(self, sample: tuple[int, int], applied: int) -> bool:
        return sample[0] <= applied and self._bytes - sample[1] > self._bytes_max
