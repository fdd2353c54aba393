"""Disks that are full, and disks that fail: what one node cannot write the others write, and it takes part again by itself.

Nodes' data lies on small file systems of their own, which a ballast file fills to the brim, or which the kernel is told to give up.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import ClientError

from deploy.cli.status import NodeReport
from tests.support.cluster import RunningCluster, eventually, make_table, running_cluster
from tests.support.packages import need_command
from tests.support.small_disks import fill, mount, mounted, small_disks

TABLE = "ballast"
DISK_MEGABYTES = 256
VALUE = {"S": "x" * 20_000}
ONE, TWO = "us-east-1-1", "us-east-1-2"


@contextmanager
def serving(folder: Path, partitions: int) -> Iterator[RunningCluster]:
    with running_cluster(folder, partitions=partitions) as running:
        make_table(running.client(), TABLE)
        yield running


def node_named(cluster: RunningCluster, name: str) -> NodeReport:
    return next(node for node in cluster.status().regions[0].nodes if node.id == name)


def put_all(cluster: RunningCluster, prefix: str, count: int) -> list[str]:
    """Put that many items, each once; return what went wrong."""
    dynamodb = cluster.client(retries=False)
    errors = []
    for number in range(count):
        try:
            dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": f"{prefix}{number}"}, "v": VALUE})
        except ClientError as error:
            errors.append(error.response["Error"]["Message"])
    return errors


def require_all(cluster: RunningCluster, prefix: str, count: int, lost_max: int = 0) -> None:
    dynamodb = cluster.client()
    keys = [{"pk": {"S": f"{prefix}{number}"}} for number in range(count)]
    found = [dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item") for key in keys]
    assert sum(item is None for item in found) <= lost_max


# One disk of three is full: the others have space, and clients notice nothing. The node leads again when it has space again.
def test_one_full_disk_stops_nothing(tmp_path: Path) -> None:
    with small_disks(tmp_path, ONE) as [disk], serving(tmp_path, partitions=3) as cluster:
        eventually(lambda: node_named(cluster, ONE).leads, f"{ONE} leads something")
        assert put_all(cluster, "before", 20) == []
        fill(disk / "ballast")
        assert put_all(cluster, "full", 500) == []
        full = node_named(cluster, ONE)
        assert (list(full.leads), list(full.conditions)) == ([], ["storage-full"])
        (disk / "ballast").unlink()
        eventually(lambda: node_named(cluster, ONE).leads, f"{ONE} leads again")
        assert list(node_named(cluster, ONE).conditions) == []
        assert put_all(cluster, "after", 20) == []
        for prefix, count in (("before", 20), ("full", 500), ("after", 20)):
            require_all(cluster, prefix, count)


# Two disks of three are full: a leader with space can keep nothing alone, and says so before anything is left in doubt.
def test_two_full_disks_are_said_to_be_full(tmp_path: Path) -> None:
    with small_disks(tmp_path, ONE, TWO) as disks, serving(tmp_path, partitions=1) as cluster:
        dynamodb = cluster.client(retries=False)
        for disk in disks:
            fill(disk / "ballast")
        acknowledged, error = put_until_refused(dynamodb)
        assert "full" in error.response["Error"]["Message"]
        for key in acknowledged:
            assert "Item" in dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": key}}, ConsistentRead=True)
        (disks[0] / "ballast").unlink()
        eventually(lambda: put_succeeds(dynamodb, "after"), "writes to come back")


# A file system that the kernel has given up (as after EIO) ends what is under way there, and nothing else: others lead, the node says
# what is wrong, lets go of the disk, and takes part again once it is mounted anew.
def test_a_failing_disk_is_left_and_waited_for(tmp_path: Path) -> None:
    need_command("mkfs.ext4", "e2fsprogs", "which makes a file system that the kernel can give up")
    image, place = tmp_path / "image", tmp_path / "nodes" / ONE
    with image.open("wb") as file:
        file.truncate(DISK_MEGABYTES << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(place, "-o", "loop", str(image)), serving(tmp_path, partitions=3) as cluster:
        eventually(lambda: node_named(cluster, ONE).leads, f"{ONE} leads something")
        assert put_all(cluster, "before", 20) == []
        mount(place, "-o", "remount,abort")
        unknown = put_all(cluster, "failing", 300)
        # What was on its way to the disk in that moment: one write, because they come one after the other.
        assert len(unknown) <= 1, unknown
        failing = node_named(cluster, ONE)
        assert (failing.state, list(failing.conditions)) == ("starting", ["storage-failing"])
        subprocess.run(["umount", str(place)], check=True)
        # The empty folder below takes writes: it is not the disk.
        log = cluster.local.processes.log_path(ONE)
        eventually(lambda: "event=database_absent" in log.read_text(), "the node to miss its database")
        mount(place, "-o", "loop", str(image))
        eventually(lambda: node_named(cluster, ONE).leads, f"{ONE} leads again")
        cluster.wait_ready()
        assert list(node_named(cluster, ONE).conditions) == []
        require_all(cluster, "before", 20)
        require_all(cluster, "failing", 300, lost_max=len(unknown))


# Nothing acknowledged is lost, nothing is acknowledged that cannot be kept, and nobody has to restart anything.
def test_full_disks_stop_writes_and_recover(tmp_path: Path) -> None:
    with small_disks(tmp_path) as [disk], serving(tmp_path, partitions=2) as cluster:
        full_disks_stop_writes(cluster, disk)


def full_disks_stop_writes(cluster: RunningCluster, disk: Path) -> None:
    dynamodb = cluster.client(retries=False)
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "before"}, "v": VALUE})
    fill(disk / "ballast")
    acknowledged, error = put_until_refused(dynamodb)
    assert error.response["Error"]["Code"] in ("InternalServerError", "ServiceUnavailable")
    assert "full" in error.response["Error"]["Message"]
    for key in ["before", *acknowledged]:
        assert "Item" in dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": key}}, ConsistentRead=True)
    # Reading took longer than an election: nobody lost the lead, and nobody changed their mind.
    assert put_until_refused(dynamodb)[0] == []
    (disk / "ballast").unlink()
    eventually(lambda: put_succeeds(dynamodb, "after"), "writes to come back")
    cluster.wait_ready()
    for key in ["before", "after", *acknowledged]:
        assert "Item" in dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": key}}, ConsistentRead=True)


def put_until_refused(dynamodb) -> tuple[list[str], ClientError]:
    """Put items until the store refuses one; return the acknowledged keys and the refusal."""
    acknowledged: list[str] = []
    for number in range(20_000):
        try:
            dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": f"k{number}"}, "v": VALUE})
        except ClientError as error:
            return acknowledged, error
        acknowledged.append(f"k{number}")
    raise AssertionError("the disk is full, yet writes go on")


def put_succeeds(dynamodb, key: str) -> bool:
    """Whether a put is acknowledged."""
    try:
        dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": key}})
    except ClientError:
        return False
    return True
