"""Schedules: what is to be done when, and when to wake for it, for the cores that ship and that feed.

Pure. Knows times by the number of a table or index. Refuses to know what is done then.
"""

from collections.abc import Callable, Iterable, Iterator


def _never(_: int) -> bool:
    return False


class Schedule:
    """Keep one time for each number."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}

    def set(self, number: int, due: float) -> None:
        """Have something done at a time, whatever was asked for before."""
        self._due[number] = due

    def hasten(self, number: int, due: float) -> None:
        """Have something done at a time, or earlier if that was asked for before."""
        self._due[number] = min(self._due.get(number, due), due)

    def begin(self, number: int, due: float) -> None:
        """Have something done at a time, unless another was asked for before."""
        self._due.setdefault(number, due)

    def drop(self, number: int) -> None:
        """Have nothing done, if anything was to be."""
        self._due.pop(number, None)

    def take(self, now: float, is_held: Callable[[int], bool] = _never) -> list[int]:
        """Return what is due and not held, in the order it was asked for; it is no longer to be done."""
        taken = [number for number, due in self._due.items() if due <= now and not is_held(number)]
        for number in taken:
            del self._due[number]
        return taken

    def times(self, is_held: Callable[[int], bool] = _never) -> Iterator[float]:
        """Yield the times of what is not held."""
        return (due for number, due in self._due.items() if not is_held(number))


class Alarm:
    """Remember what time was asked for last, so that nobody asks for it twice."""

    def __init__(self) -> None:
        self._time: float | None = None

    def moved(self, times: Iterable[float]) -> float | None:
        """Return the first of these times if it is to be asked for: it is another one than last."""
        time = min(times, default=None)
        if time is None or time == self._time:
            return None
        self._time = time
        return time

    def rang(self) -> None:
        """Note that time has passed: whatever is ahead is to be asked for again."""
        self._time = None
