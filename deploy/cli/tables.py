"""Status as tables for people."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from deploy.cli.status import ClusterStatus, LinkReport, NodeReport, RegionReport

_COLOURS = {
    "ready": "green",
    "up": "green",
    "starting": "yellow",
    "stopping": "yellow",
    "delayed": "yellow",
    "paused": "magenta",
    "stopped": "red",
    "unreachable": "red",
    "unknown": "red",
    "cut": "red",
    "down": "red",
}


def region_tables(status: ClusterStatus) -> list[Table]:
    """Return one table per region, one row per process."""
    return [_region_table(region) for region in status.regions]


def link_table(status: ClusterStatus) -> Table:
    """Return one row per link."""
    table = Table(title="Links", title_justify="left", expand=False)
    for heading in ("source", "destination", "state", "lag", "pending", "held", "superseded"):
        table.add_column(heading, justify="left" if heading in ("source", "destination", "state") else "right")
    for link in status.links:
        _add_link(table, link)
    return table


def _region_table(region: RegionReport) -> Table:
    table = Table(title=f"{region.name}  {region.endpoint}", title_justify="left", title_style="bold", min_width=72)
    for heading in ("process", "zone", "pid", "state", "leads partitions"):
        table.add_column(heading, ratio=1 if heading == "leads partitions" else None)
    router = region.router
    table.add_row(router.name, "", _pid(router.pid), _coloured(router.state), "")
    if router.gateway not in (router.state, None):
        table.add_row(Text("  its gateway"), "", "", _coloured(router.gateway), "")
    for node in region.nodes:
        leads = " ".join(str(partition) for partition in node.leads)
        table.add_row(node.id, node.zone, _pid(node.pid), _coloured(node.state), leads)
        for condition, where in _conditions(node):
            table.add_row(Text(f"  {condition}", style="red"), "", "", "", Text(where, style="red"))
    if region.leaderless:
        missing = " ".join(str(partition) for partition in region.leaderless)
        table.add_row(Text("no leader", style="red"), "", "", "", Text(missing, style="red"))
    return table


def _conditions(node: NodeReport) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a node and where: the whole node, or some of its replicas."""
    for condition in node.conditions:
        yield condition, "the whole node"
    for condition, partitions in sorted(node.replica_conditions.items()):
        if condition not in node.conditions:
            yield condition, f"partitions {' '.join(map(str, partitions))}"


def _add_link(table: Table, link: LinkReport) -> None:
    held = Text(str(link.held), style="red" if link.held else "")
    counts = (f"{link.lag_seconds:.1f} s", str(link.pending_records), held, str(link.superseded))
    if link.state == "unknown":
        counts = ("", "", Text(), "")
    table.add_row(link.source, link.destination, _coloured(link.state), *counts)


def _pid(pid: int | None) -> str:
    return "" if pid is None else str(pid)


def _coloured(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))
