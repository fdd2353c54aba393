"""A clock that moves only when a test says so."""


class ManualClock:
    """Satisfy `wire.clock.Clock` with times that the test sets."""

    def __init__(self, *, monotonic: float = 1_000.0, wall_ms: int = 1_700_000_000_000) -> None:
        self._monotonic = monotonic
        self._wall_ms = float(wall_ms)

    def monotonic(self) -> float:
        return self._monotonic

    def wall_ms(self) -> int:
        return int(self._wall_ms)

    def wall(self) -> float:
        return self._wall_ms / 1_000

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move forward together."""
        assert seconds >= 0, f"time passes forward only, not by {seconds} s"
        self._monotonic += seconds
        self._wall_ms += seconds * 1_000

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; monotonic time stays."""
        self._wall_ms += seconds * 1_000
