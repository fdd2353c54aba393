"""The dashboard and the alerts, against what is declared; tests/cluster looks at what real processes expose."""

import pytest
import yaml

from node.metrics.declared import METRICS as OF_NODES
from router.metrics.declared import METRICS as OF_ROUTERS
from tests.support.observability import GATEWAY_PORT, PORT, ROOT, dashboard, mistakes, queries, target_labels
from tests.support.promql import QueryError, checked
from wire.conditions import Condition
from wire.metrics import Metric, MetricKind

ALL = tuple(dict.fromkeys((*OF_NODES, *OF_ROUTERS)))

EXPOSED = {
    "jobs_total": [{"region": "r", "code": "OK"}, {"region": "r", "code": "Failed"}],
    "jobs_seconds_bucket": [{"region": "r", "le": "1.0"}],
    "level": [{"region": "r"}],
}


def declared(*metrics: Metric) -> dict[str, list[dict[str, str]]]:
    """Return one series of each metric, of each condition where it has that label, as if a process had just exposed it."""
    (target,) = {tuple(sorted(labels)) for labels in target_labels().values()}
    found = {"up": [{**dict.fromkeys(target, ""), "job": "globetable"}]}
    for metric in metrics:
        series = {**dict.fromkeys(target, ""), **dict.fromkeys(metric.labels, "")}
        if metric.kind is MetricKind.HISTOGRAM:
            found |= {f"{metric.name}_sum": [series], f"{metric.name}_count": [series]}
            found[f"{metric.name}_bucket"] = [{**series, "le": "1.0"}]
        elif "condition" in metric.labels:
            found[metric.name] = [{**series, "condition": condition} for condition in Condition]
        else:
            found[metric.name] = [series]
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes"):
        found[name] = [dict.fromkeys(target, "")]
    return found


# A query that names what is not declared shows an empty panel, and nobody knows whether all is well.
def test_every_query_finds_what_it_names() -> None:
    assert mistakes(declared(*ALL)) == []


# The check is worth something only if it fails when a metric goes: every metric is looked at by some query.
@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_that_is_renamed_is_missed(metric: Metric) -> None:
    found = mistakes(declared(*(each for each in ALL if each != metric)))
    assert found
    assert all(metric.name in line or "variable region" in line for line in found)


# A label that is dropped leaves a panel with one line where there should be many.
def test_a_label_that_is_gone_is_missed() -> None:
    exposed = declared(*ALL)
    exposed["globetable_requests_total"] = [{"instance": "", "job": "", "region": "", "operation": ""}]
    assert any("label code" in line for line in mistakes(exposed))


# One panel, one row, one place: nothing overlaps, and every panel says what to see in it.
def test_panels_stand_beside_each_other() -> None:
    places = set()
    for panel in dashboard()["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & places
        places |= cells
        assert panel["type"] == "row" or panel["description"]
    assert len({query.place for query in queries()}) > 40


# Prometheus scrapes by name what compose starts; a process that is added there and not here would be missed in silence.
def test_every_process_of_compose_is_scraped() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yaml").read_text())["services"]
    commands = {name: " ".join(service.get("command") or ()) for name, service in services.items()}
    nodes = {name for name, command in commands.items() if command.startswith("globetable-node")}
    routers = {name for name, command in commands.items() if command.startswith("globetable-router")}
    gateways = {name.replace("-router", "-gateway") for name in routers}
    addresses = {f"{name}:{PORT}" for name in nodes | routers} | {f"{name}:{GATEWAY_PORT}" for name in routers}
    assert addresses == set(target_labels())
    assert {labels["instance"] for labels in target_labels().values()} == nodes | routers | gateways


# The parser follows labels through what a query does with them.
@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("level", {"region"}),
        ('level{region="r"} > 1e3', {"region"}),
        ("sum(level)", set()),
        ("sum by (region) (rate(jobs_total[5m]))", {"region"}),
        ("sum without (code) (rate(jobs_total[5m]))", {"region"}),
        ("sum(rate(jobs_total[5m])) by (code) / on (code) sum by (code) (rate(jobs_total[5m]))", {"code"}),
        ("histogram_quantile(0.99, sum by (le, region) (rate(jobs_seconds_bucket[5m])))", {"region"}),
        ("count by (region) (sum by (region, code) (jobs_total) == 0) or vector(0)", {"region"}),
        ("topk(3, jobs_total)", {"region", "code"}),
        ("-(1 + 2) * level", {"region"}),
    ],
)
def test_queries_are_understood(query: str, labels: set[str]) -> None:
    assert checked(query, EXPOSED) == labels


# What Prometheus would refuse, or answer with nothing, is a mistake here.
@pytest.mark.parametrize(
    "query",
    [
        "gone",
        'level{zone="a"}',
        'jobs_total{code="Lost"}',
        "sum by (zone) (level)",
        "rate(jobs_total)",
        "jobs_total[5m]",
        "histogram_quantile(0.5, sum by (region) (rate(jobs_seconds_bucket[5m])))",
        "sum by (code) (jobs_total) / sum by (region) (jobs_total)",
        "sum by (region) (level) / on (zone) level",
        "level level",
        "sum(level",
        "frobnicate(level)",
        "level ~ 3",
    ],
)
def test_queries_that_show_nothing_are_refused(query: str) -> None:
    with pytest.raises(QueryError):
        checked(query, EXPOSED)
