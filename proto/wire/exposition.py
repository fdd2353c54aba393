"""Readings as the text that Prometheus scrapes. The only import of prometheus_client, which takes its time to load.

Refuses to know what is measured. Names and labels are checked here: a reading of what was not declared is a mistake.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from wire.metrics import Buckets, Metric, MetricKind, Reading

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def rendered(metrics: Sequence[Metric], readings: Iterable[Reading]) -> bytes:
    """Return the text: every declared metric, with or without readings, and the basics of this process."""
    registry = CollectorRegistry()
    registry.register(_Collected(metrics, readings))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Collected(Collector):
    """Readings as prometheus_client takes them."""

    def __init__(self, metrics: Sequence[Metric], readings: Iterable[Reading]) -> None:
        self._families = {metric: _family(metric) for metric in metrics}
        for reading in readings:
            _add(self._families[reading.metric], reading)

    def collect(self) -> Iterator[Family]:
        """Yield every family, in the order of declaration."""
        yield from self._families.values()


def _family(metric: Metric) -> Family:
    match metric.kind:
        case MetricKind.COUNTER:
            return CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
        case MetricKind.GAUGE:
            return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        case MetricKind.HISTOGRAM:
            return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)


def _add(family: Family, reading: Reading) -> None:
    value, labels = reading.value, reading.labels
    assert len(labels) == len(reading.metric.labels), f"{reading.metric.name} has other labels than {labels}"
    if isinstance(value, Buckets):
        assert isinstance(family, HistogramMetricFamily), f"{reading.metric.name} is no histogram"
        bounds = [*map(_bound_text, value.bounds), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(value.counts), strict=True)), value.sum)
    else:
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily), f"{reading.metric.name} is a histogram"
        family.add_metric(labels, value)


def _bound_text(bound: float) -> str:
    """Return a bound as Prometheus's own libraries write it: one spelling per number, or series would not match."""
    return repr(float(bound))
