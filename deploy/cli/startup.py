"""What `up` does: start a cluster, wait with progress, say what to paste next, and stay if asked to."""

import asyncio
import random
import shlex
import time
from pathlib import Path

import msgspec
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from deploy.cli.console import fail, output, people, print_json
from deploy.cli.options import DATA_VARIABLE, data_folder
from deploy.cli.status import ClusterStatus, RegionReport, gathered_status
from deploy.local.cluster import LocalCluster
from deploy.local.errors import LocalClusterError
from deploy.local.folder import PROCESS_FILE, ClusterFolder
from deploy.local.interruption import Interrupted, end_undisturbed, heed, interruptible, pause
from deploy.local.ports import PortsUnavailable
from deploy.local.topology import DEMO_CREDENTIAL, Layout, account_id, region_names
from wire.cluster import ClusterFileError, ControlPlane, Credential, Settings, WordingOfErrors

READY_TIMEOUT_SECONDS = 90.0
POLL_SECONDS = 0.25
TOUR_REGIONS_MIN = 3

_ANOTHER = "leave the option out, choose another --data, or remove it with `globetable down --delete-data`"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `up` that say what the cluster should be; None is what was left out."""

    regions: str | None
    nodes: int | None
    partitions: int | None
    port: int | None
    access_key_id: str | None
    secret_access_key: str | None
    signatures: bool | None
    control_plane: ControlPlane | None
    validation_wording: WordingOfErrors | None = None
    account_id: str | None = None

    def credential(self) -> Credential | None:
        """Return the credential asked for, if any. Raises ValueError when half of it is missing."""
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("--access-key-id and --secret-access-key go together: give both or neither")
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        if not self.access_key_id or not self.secret_access_key:
            raise ValueError("--access-key-id and --secret-access-key must not be empty")
        return Credential(self.access_key_id, self.secret_access_key)

    def layout(self, credential: Credential) -> Layout:
        """Return the layout of a new cluster. Raises ValueError."""
        settings = Settings(
            partitions=self.partitions or Settings().partitions,
            signatures=self.signatures is not False,
            control_plane=self.control_plane or Settings().control_plane,
            validation_wording=self.validation_wording or Settings().validation_wording,
            account_id=account_id(self.account_id or Settings().account_id),
        )
        return Layout(
            regions=region_names(self.regions or "3"),
            nodes_per_region=self.nodes or 3,
            settings=settings,
            credential=credential,
        )

    def refuse_change(self, cluster: LocalCluster) -> None:
        """Raise LocalClusterError if the existing cluster is not what is asked for."""
        spec = cluster.spec
        present = {
            "--regions": (
                self.regions and ",".join(region_names(self.regions)),
                ",".join(region.name for region in spec.regions),
            ),
            "--nodes": (self.nodes, len(spec.regions[0].nodes)),
            "--partitions": (self.partitions, spec.settings.partitions),
            "--control-plane": (self.control_plane, spec.settings.control_plane),
            "--account-id": (self.account_id, spec.settings.account_id),
            "--validation-wording": (self.validation_wording, spec.settings.validation_wording),
            "--port": (self.port or None, int(spec.regions[0].http.rpartition(":")[2])),
        }
        if self.signatures not in (None, spec.settings.signatures):
            made, not_made = ("with", "without") if spec.settings.signatures else ("without", "with")
            raise LocalClusterError(
                f"the cluster in {cluster.folder} was made {made} signatures, not {not_made}; {_ANOTHER}"
            )
        for option, (wanted, found) in present.items():
            if wanted is not None and wanted != found:
                raise LocalClusterError(
                    f"the cluster in {cluster.folder} was made with {option} {found}, not {wanted}; {_ANOTHER}"
                )


def bring_up(folder: Path, asked: Asked, *, detach: bool, as_json: bool) -> None:
    """Start what does not run of the cluster in `folder`, made as asked if there is none; end with one line if that fails."""
    with interruptible():
        try:
            cluster, started, status = _brought_up(ClusterFolder(folder), asked)
        except (LocalClusterError, PortsUnavailable, ClusterFileError, ValueError, OSError) as error:
            fail(str(error))
        if detach or not started:
            _print(cluster, status, started, as_json)
            return
        try:
            _print(cluster, status, started, as_json)
            _stay(cluster)
        except Interrupted:
            pass  # it has been asked to stop what it has started, whatever it was at
        finally:
            _leave(cluster)  # also where nobody reads any more what it says


def _brought_up(home: ClusterFolder, asked: Asked) -> tuple[LocalCluster, list[str], ClusterStatus]:
    """Make or open the cluster and start it, the folder held from the first look: what is decided by it stays so."""
    credential = asked.credential()
    layout = asked.layout(credential or DEMO_CREDENTIAL)
    with home.changing(create=True):
        content = home.content()
        if content == "remains":
            people().print(f"removing what a deletion that was cut short has left in {home.path}")
            home.delete()
            home.path.mkdir(exist_ok=True)
        if content == "cluster":
            cluster = _existing(home, asked, credential)
        else:
            cluster = LocalCluster.create(home, layout, port=asked.port, generator=random.SystemRandom())
        if damage := cluster.processes.damage():
            people().print(f"{home.path / PROCESS_FILE} was damaged ({damage}): made anew from what runs")
        started, status = _started(cluster)
    return cluster, started, status


def _existing(home: ClusterFolder, asked: Asked, credential: Credential | None) -> LocalCluster:
    cluster = LocalCluster.open(home)
    asked.refuse_change(cluster)
    if credential is not None and credential not in cluster.spec.credentials:
        raise LocalClusterError(f"the cluster in {home.path} was made with other credentials; {_ANOTHER}")
    return cluster


def _started(cluster: LocalCluster) -> tuple[list[str], ClusterStatus]:
    """Start what does not run and wait; a start that fails or is interrupted stops what it had started."""
    running = {name for name in cluster.names() if cluster.processes.running(name) is not None}
    try:
        return cluster.start_all(), _wait_until_ready(cluster)
    except BaseException:  # among it that nobody reads any more what is printed
        end_undisturbed()
        with people().status("stopping what was started"):
            cluster.stop_started([name for name in cluster.names() if name not in running])
        raise


def _wait_until_ready(cluster: LocalCluster) -> ClusterStatus:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=people(), transient=True) as progress:
        rows = {region.name: progress.add_task(f"{region.name}: starting") for region in cluster.spec.regions}
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            status = asyncio.run(gathered_status(cluster))
            heed()
            for region in status.regions:
                progress.update(rows[region.name], description=f"{region.name}: {_stage(region)}")
            if status.is_ready:
                return status
            _refuse_dead(cluster)
            if time.monotonic() > deadline:
                raise LocalClusterError(
                    f"not ready after {READY_TIMEOUT_SECONDS:.0f} s; see the logs in {cluster.folder / 'logs'}"
                )
            pause(POLL_SECONDS)


def _stage(region: RegionReport) -> str:
    awake = sum(node.state == "ready" for node in region.nodes)
    if awake < len(region.nodes):
        return f"{awake} of {len(region.nodes)} nodes answer"
    if region.leaderless:
        return f"waiting for the leaders of {len(region.leaderless)} partitions"
    return "ready"


def _refuse_dead(cluster: LocalCluster) -> None:
    died = cluster.died()
    if died:
        raise LocalClusterError(f"did not start: {died[0]} (log: {cluster.folder / 'logs'})")


def _print(cluster: LocalCluster, status: ClusterStatus, started: list[str], as_json: bool) -> None:
    if as_json:
        print_json(status)
    else:
        _print_what_next(cluster, status, started)


def _print_what_next(cluster: LocalCluster, status: ClusterStatus, started: list[str]) -> None:
    count = len(status.regions)
    heading = "ready" if started else "already running"
    output().print(f"\n[bold]{count} region{'s' if count > 1 else ''} {heading}[/bold]; data in {cluster.folder}\n")
    for region in status.regions:
        output().print(f"  {region.name:<16} {region.endpoint}")
    key = status.credentials
    if cluster.spec.settings.signatures:
        output().print(f"\n  access key id      {key.access_key_id}\n  secret access key  {key.secret_access_key}")
    for node in (node for region in status.regions for node in region.nodes if node.state == "paused"):
        output().print(f"\n  {node.id} is paused: `globetable node resume {node.id}` lets it go on")
    output().print("\nWhat to try next (paste into a shell in this folder):\n")
    for line in _next_lines(cluster, status):
        output().print(f"  {line}", soft_wrap=True)
    output().print()


def _next_lines(cluster: LocalCluster, status: ClusterStatus) -> list[str]:
    first = status.regions[0]
    lines = ["source .venv/bin/activate"]
    if cluster.folder != data_folder(None):
        lines += [f"export {DATA_VARIABLE}={shlex.quote(str(cluster.folder))}"]
    lines += [
        'eval "$(globetable env)"    # credentials and endpoint for boto3 and the AWS CLI',
    ]
    lines += ["globetable status"]
    lines += ["python scripts/tour.py"] if len(status.regions) >= TOUR_REGIONS_MIN else []
    lines += [f"globetable node kill {first.nodes[0].id}"]
    if len(status.regions) > 1:
        lines += [f"globetable link cut {first.name} {status.regions[1].name} --both"]
    return [*lines, "globetable down"]


def _stay(cluster: LocalCluster) -> None:
    people().print("Ctrl-C stops the cluster (start with --detach to leave it running).")
    while any(cluster.processes.running(name) for name in cluster.names()):
        pause(POLL_SECONDS)


def _leave(cluster: LocalCluster) -> None:
    """Stop the cluster; one that another command has stopped meanwhile, and perhaps deleted and made anew, is left alone."""
    try:
        if cluster.processes.names():
            with people().status("stopping every process"), cluster.changing(seconds_max=READY_TIMEOUT_SECONDS):
                if LocalCluster.open(cluster.folder).spec.cluster_id == cluster.spec.cluster_id:
                    cluster.stop_all()
    except (LocalClusterError, ClusterFileError, OSError) as error:
        fail(str(error))
    people().print(f"stopped; the data stays in {cluster.folder}")
