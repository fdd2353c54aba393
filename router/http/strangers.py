"""How much memory requests take before it is known who sent them.

One budget per server, counted in bytes as they come, so that what is announced and not sent takes nothing. Knows no sockets.
"""

from typing import Final

# Bodies up to this size are taken in before the request is looked at: AWS finds their faults first.
SMALL_BODY_BYTES_MAX: Final = 32 << 10
STRANGERS_BYTES_MAX: Final = 64 << 20
# Large bodies leave the last quarter to small ones, so that few clients with large ones do not keep all others out.
_LARGE_SHARE: Final = 0.75


class StrangersBudget:
    """The bytes that all requests whose signature is not verified may take together."""

    __slots__ = ("_large_bytes_max", "bytes_max", "bytes_taken")

    def __init__(self, bytes_max: int = STRANGERS_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.bytes_taken = 0  # Invariant: 0 <= bytes_taken <= bytes_max.
        self._large_bytes_max = int(bytes_max * _LARGE_SHARE)

    def has_room(self, held_bytes: int, more_bytes: int) -> bool:
        """Tell whether a body that holds `held_bytes` may grow."""
        is_large = held_bytes + more_bytes > SMALL_BODY_BYTES_MAX
        return self.bytes_taken + more_bytes <= (self._large_bytes_max if is_large else self.bytes_max)


class BodyHold:
    """What one body takes of the budget."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: StrangersBudget) -> None:
        self._budget = budget
        self._bytes = 0

    def grow(self, more_bytes: int) -> bool:
        """Take more, and tell whether there was room for it."""
        if not self._budget.has_room(self._bytes, more_bytes):
            return False
        self._bytes += more_bytes
        self._budget.bytes_taken += more_bytes
        return True

    def release(self) -> None:
        """Give everything back; a second time gives nothing."""
        self._budget.bytes_taken -= self._bytes
        self._bytes = 0
