"""What deploy/docker/observability asks of Prometheus, and what processes answer: queries to check, series to check them against."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.promql import Exposed, QueryError, checked

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "docker" / "observability"
PORT = 9100
GATEWAY_PORT = 9101
SCRAPE_SECONDS = 10

_VARIABLE = re.compile(r"label_values\((\w+), (\w+)\)")


class Asked(NamedTuple):
    """One query, who asks it, and the labels that its results are shown with."""

    place: str
    expression: str
    shown: frozenset[str]


@cache
def dashboard() -> dict[str, Any]:
    """Return the dashboard as it is provisioned."""
    content: dict[str, Any] = json.loads((FOLDER / "grafana" / "dashboards" / "globetable.json").read_text())
    return content


@cache
def queries() -> tuple[Asked, ...]:
    """Return every query of the dashboard's panels and of the alerts."""
    return (*_panel_queries(), *_alert_queries())


def _panel_queries() -> Iterator[Asked]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            shown = frozenset(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            yield Asked(f"panel {panel['title']!r}", _without_variables(target["expr"]), shown)


def _alert_queries() -> Iterator[Asked]:
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            shown = frozenset(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
            yield Asked(f"alert {rule['alert']}", rule["expr"], shown)


def mistakes(exposed: Exposed) -> list[str]:
    """Return one line for each query that would show nothing, or not what its legend says."""
    found = []
    for asked in queries():
        try:
            labels = checked(asked.expression, exposed)
        except QueryError as error:
            found.append(f"{asked.place}: {error}")
            continue
        if missing := asked.shown - labels:
            found.append(f"{asked.place}: shows {sorted(missing)}, but the results have {sorted(labels)}")
    for variable in dashboard()["templating"]["list"]:
        metric, label = _VARIABLE.fullmatch(variable["definition"]).groups()  # type: ignore[union-attr]
        if not any(label in series for series in exposed.get(metric, ())):
            found.append(f"variable {variable['name']}: no {metric} with {label}")
    return found


@cache
def target_labels() -> dict[str, dict[str, str]]:
    """Return by host:port the labels that Prometheus adds to what it scrapes there, as prometheus.yml says."""
    found: dict[str, dict[str, str]] = {}
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    for static in job["static_configs"]:
        for address in static["targets"]:
            labels = {"job": job["job_name"], "instance": address, **static["labels"]}
            for rule in job["relabel_configs"]:
                if match := re.fullmatch(rule["regex"], address):
                    labels[rule["target_label"]] = rule.get("replacement", "$1").replace("$1", match[1])
            found[address] = labels
    return found


class Scraped:
    """All series of some processes, as Prometheus would have them."""

    def __init__(self) -> None:
        self.exposed: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
        self.values: defaultdict[str, float] = defaultdict(float)
        """The sum of each name over everything."""
        self._labels = target_labels()

    def scrape(self, process: str, address: str, port: int = PORT) -> None:
        """Ask one process, which Prometheus knows by its container's name and port."""
        with urlopen(f"http://{address}/metrics", timeout=SCRAPE_SECONDS) as answer:
            text = answer.read().decode()
        labels = self._labels[f"{process}:{port}"]
        self.exposed["up"].append(labels)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                # With honor_labels the process has the last word.
                own = {name: value for name, value in sample.labels.items() if value}
                self.exposed[sample.name].append({**labels, **own})
                self.values[sample.name] += sample.value


def _without_variables(expression: str) -> str:
    return expression.replace("$__rate_interval", "1m").replace("$region", ".*")
