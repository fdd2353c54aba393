"""Write what is generated about metrics: the Grafana dashboard, and the table of metrics in deploy/README.md; --check: fail if stale.

The dashboard is laid out here, as rows of panels of queries; tests/cluster checks every query against what real processes expose.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "deploy" / "README.md"
DASHBOARD = ROOT / "deploy" / "docker" / "observability" / "grafana" / "dashboards" / "globetable.json"
BEGIN = "<!-- metrics: scripts/observability.py -->\n"
END = "<!-- end of metrics -->"

COLUMNS = 24  # of Grafana's grid
WIDTH, HEIGHT = 8, 7
SOURCE = {"type": "prometheus", "uid": "prometheus"}
HERE = 'region=~"$region"'  # every panel shows the regions that are chosen


class Query(NamedTuple):
    """One query and how its lines are called; `$where` stands for the choice of regions."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """One panel: what it shows, in which unit, and what to see in it."""

    title: str
    unit: str
    text: str
    queries: tuple[Query, ...]
    stacked: bool = False


def rate(metric: str, by: str, matcher: str = "", divisor: str = "") -> str:
    """Return the rate per second of a counter, summed by labels."""
    matchers = ", ".join(each for each in (HERE, matcher) if each)
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval])){divisor}"


def quantile(share: float, metric: str, by: str) -> str:
    """Return a quantile of a histogram by labels."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', f'le, {by}')})"


def level(function: str, metric: str, by: str) -> str:
    """Return a gauge, aggregated by labels."""
    return f"{function} by ({by}) ({metric}{{{HERE}}})"


REQUESTS, CAUSES = "globetable_requests_total", "globetable_request_causes_total"
LINK = "source, destination"
LINK_LEGEND = "{{source}} to {{destination}}"
THROTTLES = "ThrottlingException|ProvisionedThroughputExceededException|RequestLimitExceeded|LimitExceededException"

ROWS: dict[str, tuple[Panel, ...]] = {
    "Traffic and errors": (
        Panel(
            "Requests by region",
            "reqps",
            "What clients ask of each router. A region whose router is gone falls to nothing; its clients go elsewhere.",
            (Query(rate(REQUESTS, "region"), "{{region}}"),),
        ),
        Panel(
            "Requests by operation",
            "reqps",
            "Batches count once here, however many items they hold.",
            (Query(rate(REQUESTS, "operation"), "{{operation}}"),),
            stacked=True,
        ),
        Panel(
            "Answers that are no success",
            "reqps",
            "By AWS's error. A failed condition or a missing table is the client's; InternalServerError and ServiceUnavailable are ours.",
            (Query(rate(REQUESTS, "region, code", 'code!="OK"'), "{{region}} {{code}}"),),
        ),
        Panel(
            "What lies behind HTTP 5xx",
            "reqps",
            "Seen while a leader is looked for, a node is away or a disk is full. SDKs try these again.",
            (Query(rate(CAUSES, "region, code"), "{{region}} {{code}}"),),
        ),
        Panel(
            "Throttles and refusals",
            "reqps",
            "Requests turned away to protect what is under way: at the router as AWS's throttles, at nodes as Overloaded or StorageFull.",
            (
                Query(rate(REQUESTS, "region, code", f'code=~"{THROTTLES}"'), "{{region}} {{code}}"),
                Query(
                    rate("globetable_node_refused_total", "instance, code", 'code=~"Overloaded|StorageFull"'),
                    "{{instance}} {{code}}",
                ),
            ),
        ),
        Panel(
            "Commands by node",
            "ops",
            "How the work is spread: leaders do most of it, followers answer eventually consistent reads.",
            (Query(rate("globetable_node_commands_total", "instance"), "{{instance}}"),),
            stacked=True,
        ),
        Panel(
            "Commands by kind",
            "ops",
            "What nodes are asked: Merge is replication arriving, FeedIndex are rows of global indexes.",
            (Query(rate("globetable_node_commands_total", "command"), "{{command}}"),),
            stacked=True,
        ),
        Panel(
            "Corrected addresses and other refusals",
            "ops",
            "NotLeader and StaleEpoch cost a router one more try; a burst follows every change of leaders. What is forwarded went round a "
            "link that is cut.",
            (
                Query(rate("globetable_node_refused_total", "instance, code"), "{{instance}} {{code}}"),
                Query(rate("globetable_node_forwarded_total", "instance"), "{{instance}} forwarded"),
            ),
        ),
        Panel(
            "In flight between router and nodes",
            "short",
            "Commands not answered yet, and of those what has not left the router. At 8192 to a node, more are refused.",
            (
                Query(level("sum", "globetable_node_requests_in_flight", "node"), "{{node}} in flight"),
                Query(level("sum", "globetable_node_requests_queued", "node"), "{{node}} queued"),
            ),
        ),
    ),
    "Latency": (
        Panel(
            "Median by operation",
            "s",
            "Half of the requests are faster, seen from the router.",
            (Query(quantile(0.5, "globetable_request_duration_seconds", "operation"), "{{operation}}"),),
        ),
        Panel(
            "99th percentile by operation",
            "s",
            "One request in a hundred is slower. Writes wait for a majority's disks.",
            (Query(quantile(0.99, "globetable_request_duration_seconds", "operation"), "{{operation}}"),),
        ),
        Panel(
            "99th percentile by region",
            "s",
            "A region that stands out has a slow disk, too little CPU, or a leader on the move.",
            (Query(quantile(0.99, "globetable_request_duration_seconds", "region"), "{{region}}"),),
        ),
    ),
    "Replication links": (
        Panel(
            "Lag",
            "s",
            "Age of the oldest change that is not acknowledged. Grows with the clock while a link is cut, and falls to nothing after.",
            (Query(level("max", "globetable_replication_lag_seconds", LINK), LINK_LEGEND),),
        ),
        Panel(
            "Pending",
            "short",
            "Sequence numbers not acknowledged yet, over all partitions.",
            (Query(level("sum", "globetable_replication_pending_records", LINK), LINK_LEGEND),),
        ),
        Panel(
            "Held back by the destination",
            "short",
            "Changes whose versions are too far ahead of the clock there. Nothing else waits for them.",
            (Query(level("sum", "globetable_replication_held_changes", LINK), LINK_LEGEND),),
        ),
        Panel(
            "Links up",
            "short",
            "0 while a link is down, cut or paused on any node that ships over it.",
            (Query(level("min", "globetable_replication_link_up", LINK), LINK_LEGEND),),
        ),
        Panel(
            "Changes applied by the destination",
            "ops",
            "What other regions took as the latest version of an item.",
            (Query(rate("globetable_replication_applied_changes_total", LINK), LINK_LEGEND),),
        ),
        Panel(
            "Changes superseded",
            "ops",
            "Changes that met a later version: conflicts, or changes sent once more. Below, writes that lost, on the nodes that know.",
            (
                Query(rate("globetable_replication_superseded_changes_total", LINK), LINK_LEGEND),
                Query(rate("globetable_superseded_writes_total", "region"), "writes that lost in {{region}}"),
            ),
        ),
        Panel(
            "Changes received",
            "ops",
            "The other end: what this region's gateway committed of each source.",
            (
                Query(
                    rate("globetable_replication_received_changes_total", f"{LINK}, outcome"),
                    f"{LINK_LEGEND} {{{{outcome}}}}",
                ),
            ),
        ),
        Panel(
            "Batches refused, links broken",
            "ops",
            "Refused batches are sent again; normal for moments while leaders change.",
            (
                Query(rate("globetable_replication_refused_batches_total", LINK), f"{LINK_LEGEND} refused"),
                Query(rate("globetable_replication_link_breaks_total", LINK), f"{LINK_LEGEND} broken"),
                Query(
                    rate("globetable_replication_received_refusals_total", "destination"), "refused by {{destination}}"
                ),
            ),
        ),
        Panel(
            "Tables being copied to new replicas",
            "short",
            "Once per partition; the replica becomes ACTIVE when this is back at 0.",
            (Query(level("sum", "globetable_replication_backfilling_tables", LINK), LINK_LEGEND),),
        ),
    ),
    "Consensus": (
        Panel(
            "Partitions led by node",
            "short",
            "Spread evenly when all is well. Kill a node and see its share move.",
            (Query(level("sum", "globetable_partition_leads", "instance"), "{{instance}}"),),
            stacked=True,
        ),
        Panel(
            "Partitions without a leader",
            "short",
            "Anything above 0 for more than a few seconds is an outage of those keys.",
            (
                Query(
                    f"count by (region) (sum by (region, partition) (globetable_partition_leads{{{HERE}}}) == 0)",
                    "{{region}}",
                ),
            ),
        ),
        Panel(
            "Elections and leader changes",
            "ops",
            "Handing over on a stop changes leaders without much ado; elections called again and again are trouble.",
            (
                Query(rate("globetable_elections_total", "instance"), "{{instance}} elections"),
                Query(rate("globetable_leader_changes_total", "instance"), "{{instance}} changes seen"),
            ),
        ),
        Panel(
            "Leaderships won and lost",
            "ops",
            "Handed over, taken back by the preferred node, or lost.",
            (
                Query(rate("globetable_leaderships_won_total", "instance"), "{{instance}} won"),
                Query(rate("globetable_leaderships_lost_total", "instance"), "{{instance}} lost"),
            ),
        ),
        Panel(
            "Waiting requests by partition",
            "short",
            "One partition far above the others is a hot key or a slow majority.",
            (
                Query(
                    level("max", "globetable_partition_waiting_requests", "region, partition"),
                    "{{region}} {{partition}}",
                ),
            ),
        ),
        Panel(
            "Committed, not applied yet",
            "short",
            "Entries that wait for the storage writer, the worst partition of each node.",
            (Query(level("max", "globetable_partition_unapplied_entries", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Log length",
            "short",
            "Entries kept so that a replica that was away can catch up without a snapshot.",
            (Query(level("max", "globetable_partition_log_entries", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Peers",
            "short",
            "0 where consensus messages do not arrive.",
            (Query(level("min", "globetable_peer_up", "instance, peer"), "{{instance}} to {{peer}}"),),
        ),
        Panel(
            "Messages dropped, snapshots",
            "ops",
            "What a lost peer costs: dropped messages while it is away, perhaps a snapshot when it is back.",
            (
                Query(rate("globetable_peer_dropped_messages_total", "instance"), "{{instance}} dropped"),
                Query(level("max", "globetable_peer_queued_messages", "instance"), "{{instance}} queued"),
                Query(rate("globetable_snapshots_total", "instance, outcome"), "{{instance}} snapshots {{outcome}}"),
            ),
        ),
        Panel(
            "Replicas that are not well",
            "short",
            "How many of a node's replicas are in each condition; they mend themselves, except those that cannot follow.",
            (
                Query(
                    f"{level('sum', 'globetable_partition_condition', 'instance, condition')} > 0",
                    "{{instance}} {{condition}}",
                ),
            ),
        ),
        Panel(
            "Damage found, scrubs",
            "short",
            "Replicas set aside because of damage, and scrubs completed. One quarantine seldom comes alone: look at the disk.",
            (
                Query(level("sum", "globetable_quarantines_total", "instance"), "{{instance}} quarantines"),
                Query(level("sum", "globetable_scrubs_total", "instance"), "{{instance}} scrubs"),
            ),
        ),
        Panel(
            "Read by scrubs",
            "Bps",
            "Bytes a second; no more than scrub_bytes_per_second.",
            (Query(rate("globetable_scrubbed_bytes_total", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Nodes that are not well",
            "short",
            "1 while a node's disk or clock keeps it from its work.",
            (
                Query(
                    f"{level('max', 'globetable_node_condition', 'instance, condition')} > 0",
                    "{{instance}} {{condition}}",
                ),
            ),
        ),
        Panel(
            "Highest term",
            "short",
            "Steps up with every election.",
            (Query(level("max", "globetable_partition_term", "region"), "{{region}}"),),
        ),
    ),
    "Storage": (
        Panel(
            "Commit, 99th percentile",
            "s",
            "A transaction and its fsync. Writes wait for the second fastest of three.",
            (Query(quantile(0.99, "globetable_commit_duration_seconds", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Commits",
            "ops",
            "Transactions, each one fsync.",
            (Query(rate("globetable_commit_duration_seconds_count", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Batches per commit",
            "short",
            "How many share an fsync, on average.",
            (
                Query(
                    f"{rate('globetable_commit_batches_sum', 'instance')} / {rate('globetable_commit_batches_count', 'instance')}",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Waiting for the writer",
            "short",
            "Batches queued or being written.",
            (Query(level("max", "globetable_writer_queue_batches", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Applied after commit, 99th percentile",
            "s",
            "From known as committed to durable in the items; no client waits for it.",
            (Query(quantile(0.99, "globetable_apply_duration_seconds", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Commits refused: disk full",
            "ops",
            "Tried again until there is space.",
            (Query(rate("globetable_commits_refused_total", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Data files and maps",
            "bytes",
            "The map doubles when the file has filled it.",
            (
                Query(level("max", "globetable_storage_used_bytes", "instance"), "{{instance}} used"),
                Query(level("max", "globetable_storage_map_bytes", "instance"), "{{instance}} map"),
            ),
        ),
        Panel(
            "Space left",
            "bytes",
            "Writes are refused below 16 MiB writable.",
            (
                Query(level("min", "globetable_storage_writable_bytes", "instance"), "{{instance}} writable"),
                Query(level("min", "globetable_storage_disk_free_bytes", "instance"), "{{instance}} free"),
            ),
        ),
    ),
    "Indexes, streams and expiry": (
        Panel(
            "Global indexes behind their tables",
            "short",
            "Sequence numbers not fed yet. Reads of an index see its table as it was that long ago.",
            (
                Query(
                    level("sum", "globetable_index_pending_records", "region, table, index"),
                    "{{region}} {{table}}.{{index}}",
                ),
            ),
        ),
        Panel(
            "Indexes being filled",
            "short",
            "Partitions that still copy their items into a new index.",
            (
                Query(
                    level("sum", "globetable_index_copying_partitions", "region, table, index"),
                    "{{region}} {{table}}.{{index}}",
                ),
            ),
        ),
        Panel(
            "Items expired",
            "ops",
            "Deleted by time to live, in the region that wrote them last.",
            (Query(rate("globetable_expired_items_total", "region"), "{{region}}"),),
        ),
        Panel(
            "Change records trimmed",
            "ops",
            "Older than the streams' retention; every replica trims its own.",
            (Query(rate("globetable_stream_trimmed_records_total", "region"), "{{region}}"),),
        ),
        Panel(
            "Bytes trimmed",
            "Bps",
            "Of change records.",
            (Query(rate("globetable_stream_trimmed_bytes_total", "region"), "{{region}}"),),
        ),
    ),
    "Processes": (
        Panel(
            "Ready",
            "short",
            "What GET /health says; no line at all where a process does not answer.",
            (Query(level("min", "globetable_ready", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Clocks",
            "s",
            "How far a machine's wall clock is ahead of its region's time.",
            (Query(level("max", "globetable_clock_offset_seconds", "instance"), "{{instance}}"),),
        ),
        Panel(
            "CPU",
            "percentunit",
            "Of one core.",
            (Query(rate("process_cpu_seconds_total", "instance"), "{{instance}}"),),
            stacked=True,
        ),
        Panel(
            "Resident memory",
            "bytes",
            "Pages of the data file that are in memory count, too.",
            (Query(level("max", "process_resident_memory_bytes", "instance"), "{{instance}}"),),
            stacked=True,
        ),
        Panel(
            "Clients and nodes connected",
            "short",
            "Clients' connections to routers, and processes of routers that each node serves.",
            (
                Query(level("sum", "globetable_http_connections", "region"), "clients of {{region}}"),
                Query(level("min", "globetable_node_routers", "instance"), "routers of {{instance}}"),
            ),
        ),
        Panel(
            "Streams to nodes",
            "short",
            "1 while a router reaches a node; breaks are counted.",
            (
                Query(level("min", "globetable_node_up", "node"), "{{node}}"),
                Query(rate("globetable_node_breaks_total", "node"), "{{node}} breaks"),
            ),
        ),
        Panel(
            "Catalog version",
            "short",
            "Within a region all lines are one.",
            (Query(level("max", "globetable_catalog_version", "instance"), "{{instance}}"),),
        ),
    ),
}


def dashboard() -> str:
    """Return the dashboard as Grafana takes it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        panels.append(_row(len(panels) + 1, title, y))
        y += 1
        for place, panel in enumerate(row):
            x = place * WIDTH % COLUMNS
            panels.append(_panel(len(panels) + 1, panel, x, y + place * WIDTH // COLUMNS * HEIGHT))
        y += -(-len(row) * WIDTH // COLUMNS) * HEIGHT
    content = {
        "uid": "globetable",
        "title": "Globetable",
        "description": "Generated by scripts/observability.py. Every query is tested against what processes expose.",
        "tags": ["globetable"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "templating": {"list": [_variable()]},
        "panels": panels,
    }
    return json.dumps(content, indent=1) + "\n"


def _variable() -> dict[str, Any]:
    return {
        "name": "region",
        "label": "Region",
        "type": "query",
        "datasource": SOURCE,
        "query": {"qryType": 1, "query": "label_values(globetable_info, region)", "refId": "regions"},
        "definition": "label_values(globetable_info, region)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
    }


def _row(number: int, title: str, y: int) -> dict[str, Any]:
    place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
    return {"id": number, "type": "row", "title": title, "gridPos": place, "collapsed": False, "panels": []}


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    custom: dict[str, Any] = {"lineWidth": 1, "fillOpacity": 15 if panel.stacked else 0, "showPoints": "never"}
    if panel.stacked:
        custom["stacking"] = {"mode": "normal"}
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def table() -> str:
    """Return the table of metrics as Markdown: of nodes and of routers, in the order of their declarations."""
    from node.metrics.declared import METRICS as OF_NODES
    from router.metrics.declared import METRICS as OF_ROUTERS
    from wire.metrics import Metric

    sources: dict[str, tuple[Metric, list[str]]] = {}
    for process, metrics in (("node", OF_NODES), ("router", OF_ROUTERS)):
        for metric in metrics:
            sources.setdefault(metric.name, (metric, []))[1].append(process)
    lines = ["| metric | of | kind | labels | what it says |", "|---|---|---|---|---|"]
    for metric, processes in sources.values():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {', '.join(processes)} | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join([*lines, ""])


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything is not up to date")
    arguments = parser.parse_args()
    readme = README.read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    stale = 0
    for path, fresh in ((README, f"{before}{BEGIN}{table()}{END}{after}"), (DASHBOARD, dashboard())):
        if arguments.check:
            if not path.exists() or path.read_text(encoding="utf-8") != fresh:
                print(f"{path.relative_to(ROOT)} is stale; run: python scripts/observability.py")
                stale = 1
        else:
            path.write_text(fresh, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
