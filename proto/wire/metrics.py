"""What processes count, and how it is described: metrics by name, and readings of them.

Pure, and cheap where it counts: who knows something keeps plain ints and lists, and what they come to is read when somebody asks.
Refuses to know how readings travel; `wire.exposition` does.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of buckets of latencies."""
COUNTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0)
"""Upper bounds of buckets of how many at once."""


class MetricKind(StrEnum):
    """What may be made of a metric: a rate, a level, quantiles."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric: its name with its unit, and a text that teaches; a counter's name ends in `_total`."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()


def counter(name: str, text: str, *labels: str) -> Metric:
    """Declare what only grows while a process lives."""
    return Metric(name=name, kind=MetricKind.COUNTER, help=text, labels=labels)


def gauge(name: str, text: str, *labels: str) -> Metric:
    """Declare a level."""
    return Metric(name=name, kind=MetricKind.GAUGE, help=text, labels=labels)


def histogram(name: str, text: str, *labels: str) -> Metric:
    """Declare a distribution."""
    return Metric(name=name, kind=MetricKind.HISTOGRAM, help=text, labels=labels)


class Buckets(NamedTuple):
    """A distribution at one moment: per bucket its upper bound and how many fell into it and no lower one; the last is unbounded."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float


class Histogram:
    """Count observations in fixed buckets; one list access each."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation; a bound belongs to its bucket."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def read(self) -> Buckets:
        """Return what was observed so far."""
        return Buckets(self._bounds, tuple(self._counts), self._sum)


class Reading(NamedTuple):
    """The value of a metric for one set of labels, in the order in which the metric names them."""

    metric: Metric
    value: float | Buckets
    labels: tuple[str, ...] = ()
