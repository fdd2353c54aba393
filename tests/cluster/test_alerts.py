"""The alerts, as Prometheus evaluates them: each fires on what it is for, after its time, and is silent while all is well."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.observability import FOLDER
from tests.support.promtool import rule_failures
from wire.conditions import OF_NODES, OF_REPLICAS, Condition

RULES = FOLDER / "alerts.yml"
WHERE = 'region="r", instance="n1"'
LINK = 'source="a", destination="b"'
MINUTES = 20
SAMPLES = MINUTES * 12  # one each five seconds


class Case(NamedTuple):
    """One alert: the series it is about (two, where it compares them), as they are in trouble and while all is well."""

    alert: str
    series: tuple[str, ...]
    trouble: tuple[str, ...]
    well: tuple[str, ...]


def level(alert: str, series: str, trouble: float, well: float) -> Case:
    return Case(alert, (series,), (f"{trouble}x{SAMPLES}",), (f"{well}x{SAMPLES}",))


def counted(alert: str, series: str, step: float) -> Case:
    return Case(alert, (series,), (f"0+{step}x{SAMPLES}",), (f"0+0x{SAMPLES}",))


def replica(alert: str, condition: Condition) -> Case:
    return level(
        alert, f'globetable_partition_condition{{{WHERE}, partition="1", condition="{condition}"}}', trouble=1, well=0
    )


def node(alert: str, condition: Condition) -> Case:
    return level(alert, f'globetable_node_condition{{{WHERE}, condition="{condition}"}}', trouble=1, well=0)


CASES = [
    level("ProcessDown", f'up{{{WHERE}, job="globetable"}}', 0, 1),
    level("NotReady", f"globetable_ready{{{WHERE}}}", 0, 1),
    level("PartitionWithoutLeader", f'globetable_partition_leads{{{WHERE}, partition="1"}}', 0, 1),
    Case(
        "ServerErrors",
        (
            f'globetable_requests_total{{{WHERE}, code="InternalServerError"}}',
            f'globetable_requests_total{{{WHERE}, code="OK"}}',
        ),
        (f"0+5x{SAMPLES}", f"0+100x{SAMPLES}"),
        (f"0+0x{SAMPLES}", f"0+100x{SAMPLES}"),
    ),
    counted("Overloaded", f'globetable_node_refused_total{{{WHERE}, code="Overloaded"}}', 3),
    level("ReplicationLagging", f"globetable_replication_lag_seconds{{{LINK}}}", 61, 2),
    level("ChangesHeldBack", f"globetable_replication_held_changes{{{LINK}}}", 3, 0),
    level("LinkDown", f"globetable_replication_link_up{{{LINK}}}", 0, 1),
    level("DiskFilling", f"globetable_storage_writable_bytes{{{WHERE}}}", 5e8, 5e9),
    Case(
        "SlowCommits",
        tuple(f'globetable_commit_duration_seconds_bucket{{{WHERE}, le="{le}"}}' for le in ("0.25", "1.0", "+Inf")),
        (f"0+90x{SAMPLES}", f"0+100x{SAMPLES}", f"0+100x{SAMPLES}"),
        (f"0+100x{SAMPLES}", f"0+100x{SAMPLES}", f"0+100x{SAMPLES}"),
    ),
    counted("UnquietElections", f"globetable_elections_total{{{WHERE}}}", 1),
    replica("ReplicaRecovering", Condition.RECOVERING),
    replica("ReplicaQuarantined", Condition.QUARANTINED),
    replica("ReplicaCannotFollow", Condition.CANNOT_FOLLOW),
    replica("ReplicaInstalling", Condition.INSTALLING),
    replica("DiskFull", Condition.STORAGE_FULL),
    node("DiskFull", Condition.STORAGE_FULL),
    node("DiskFailing", Condition.STORAGE_FAILING),
    node("ClockRefused", Condition.CLOCK_REFUSED),
]


def rule_test(case: Case, *, in_trouble: bool) -> dict[str, Any]:
    """Return a test as promtool takes it: how many alerts of the name fire at the end."""
    values = case.trouble if in_trouble else case.well
    firing = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}})'
    expected = [{"labels": "{}", "value": 1}] if in_trouble else []
    return {
        "interval": "5s",
        "input_series": [
            {"series": series, "values": value} for series, value in zip(case.series, values, strict=True)
        ],
        "promql_expr_test": [{"expr": firing, "eval_time": f"{MINUTES - 1}m", "exp_samples": expected}],
    }


# Whoever is to be woken must be woken: an expression that never matches looks like a cluster that is well.
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert} {case.series[0].partition('{')[0]}")
def test_an_alert_fires_on_what_it_is_for_and_only_then(case: Case, tmp_path: Path) -> None:
    cases = [rule_test(case, in_trouble=True), rule_test(case, in_trouble=False)]
    assert rule_failures(RULES, cases, tmp_path) == ""


# An alert or a condition that is added comes with the case that shows that it works.
def test_every_alert_and_every_condition_has_a_case() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    assert {rule["alert"] for rule in group["rules"]} == {case.alert for case in CASES}
    told = " ".join(series for case in CASES for series in case.series)
    assert [each for each in (*OF_REPLICAS, *OF_NODES) if f'condition="{each}"' not in told] == []
