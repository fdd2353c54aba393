"""A full disk: writes stop with a clear error, reads go on, and writes come back when there is space again.

The nodes' data lies on a small file system of its own, which a ballast file fills to the brim.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.cluster import RunningCluster, eventually, make_table, running_cluster

TABLE = "ballast"
DISK_MEGABYTES = 256
VALUE = {"S": "x" * 20_000}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "nodes"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.fail(f"this test needs the right to mount a small file system (run as root): {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def cluster(disk: Path) -> Iterator[RunningCluster]:
    with running_cluster(disk.parent, partitions=2) as running:
        make_table(running.client(), TABLE)
        yield running


# Nothing acknowledged is lost, nothing is acknowledged that cannot be kept, and nobody has to restart anything.
def test_full_disk_stops_writes_and_recovers(cluster: RunningCluster, disk: Path) -> None:
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


def fill(path: Path) -> None:
    """Write until the file system has no byte left."""
    size = 1 << 20
    with path.open("wb", buffering=0) as ballast:
        while size:
            try:
                ballast.write(b"\0" * size)
            except OSError:
                size //= 2


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
