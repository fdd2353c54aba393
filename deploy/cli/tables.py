"""Status as tables for people."""

from rich.table import Table
from rich.text import Text

from deploy.cli.status import ClusterStatus, LinkReport, RegionReport

_COLOURS = {
    "ready": "green",
    "up": "green",
    "starting": "yellow",
    "stopping": "yellow",
    "delayed": "yellow",
    "paused": "magenta",
    "stopped": "red",
    "unreachable": "red",
    "cut": "red",
    "down": "red",
}


def region_table(status: ClusterStatus) -> Table:
    """Return one row per process."""
    table = Table(title="Regions", title_justify="left", expand=False)
    for heading in ("region", "endpoint", "process", "zone", "pid", "state", "leads"):
        table.add_column(heading, no_wrap=heading != "leads")
    for region in status.regions:
        _add_region(table, region)
        table.add_section()
    return table


def link_table(status: ClusterStatus) -> Table:
    """Return one row per link."""
    table = Table(title="Links", title_justify="left", expand=False)
    for heading in ("source", "destination", "state", "lag", "pending", "superseded"):
        table.add_column(heading, justify="right" if heading in ("lag", "pending", "superseded") else "left")
    for link in status.links:
        _add_link(table, link)
    return table


def _add_region(table: Table, region: RegionReport) -> None:
    router = region.router
    table.add_row(region.name, region.endpoint, router.name, "", _pid(router.pid), _coloured(router.state), "")
    for node in region.nodes:
        leads = " ".join(str(partition) for partition in node.leads)
        table.add_row("", "", node.id, node.zone, _pid(node.pid), _coloured(node.state), leads)
    if region.leaderless:
        missing = " ".join(str(partition) for partition in region.leaderless)
        table.add_row("", "", Text(f"no leader: {missing}", style="red"), "", "", "", "")


def _add_link(table: Table, link: LinkReport) -> None:
    lag = f"{link.lag_seconds:.1f} s"
    table.add_row(
        link.source, link.destination, _coloured(link.state), lag, str(link.pending_records), str(link.superseded)
    )


def _pid(pid: int | None) -> str:
    return "" if pid is None else str(pid)


def _coloured(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))
