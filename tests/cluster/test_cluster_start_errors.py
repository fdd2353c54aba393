"""What stops a process at start, and in which words: one line that says what is wrong and what to do, exit status 2."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import RunningCluster, make_table, running_cluster

START_SECONDS_MAX = 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("start"), partitions=2) as running:
        make_table(running.client(), "kept")
        running.client().put_item(TableName="kept", Item={"pk": {"S": "a"}})
        yield running


def start_refused(*arguments: str) -> str:
    """Start a process that must end by itself with status 2; return its one line."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=START_SECONDS_MAX, check=False
    )
    said = done.stderr.strip()
    assert done.returncode == 2, f"status {done.returncode}: {done.stdout}{said}"
    assert len(said.splitlines()) == 1, said
    return said


def node(cluster: RunningCluster, node_id: str, data: Path, file: Path | None = None) -> str:
    path = file or cluster.local.folder / "cluster.toml"
    return start_refused("node.main", "--cluster", str(path), "--node", node_id, "--data", str(data))


# Two processes on one directory would each believe they own its log.
def test_second_process_on_a_data_directory(cluster: RunningCluster) -> None:
    name = cluster.regions[0].nodes[0].id
    assert re.search(r"in use|locked|another", node(cluster, name, cluster.local.folder / "nodes" / name))


# A node given another node's disk would vote twice under one name.
def test_data_directory_of_another_node(cluster: RunningCluster, tmp_path: Path) -> None:
    first, second = (each.id for each in cluster.regions[0].nodes[:2])
    copied = copied_data(cluster, first, tmp_path)
    line = node(cluster, second, copied)
    assert first in line
    assert second in line


# A cluster's disk in another cluster would bring foreign log entries along.
def test_data_directory_of_another_cluster(cluster: RunningCluster, tmp_path: Path) -> None:
    name = cluster.regions[0].nodes[0].id
    copied = copied_data(cluster, name, tmp_path)
    text = (cluster.local.folder / "cluster.toml").read_text()
    other = tmp_path / "cluster.toml"
    other.write_text(text.replace(cluster.spec.cluster_id, "another-cluster"))
    assert "another-cluster" in node(cluster, name, copied, other)


# Garbage where the storage file should be: refused, never repaired by starting empty.
def test_corrupt_storage_file(cluster: RunningCluster, tmp_path: Path) -> None:
    name = cluster.regions[0].nodes[0].id
    copied = copied_data(cluster, name, tmp_path)
    for path in copied.rglob("data.mdb"):
        with path.open("r+b") as file:
            file.write(b"\xde\xad" * 8192)
    assert str(copied) in node(cluster, name, copied)


# A port that somebody else holds: which one, and what to do.
def test_port_in_use(cluster: RunningCluster, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        entry = cluster.regions[0].nodes[0]
        path = tmp_path / "cluster.toml"
        path.write_text((cluster.local.folder / "cluster.toml").read_text().replace(entry.address, f"127.0.0.1:{port}"))
        assert str(port) in node(cluster, entry.id, tmp_path / "data", path)


# The router's HTTP port likewise.
def test_router_port_in_use(cluster: RunningCluster) -> None:
    region = cluster.regions[0]
    line = start_refused(
        "router.main", "--cluster", str(cluster.local.folder / "cluster.toml"), "--region", region.name
    )
    assert region.http.rpartition(":")[2] in line or region.gateway.rpartition(":")[2] in line


# A file with a mistake, a node and a region that are not in it.
def test_wrong_cluster_file_and_names(cluster: RunningCluster, tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text("regions = 3\n")
    assert str(path) in node(cluster, "x", tmp_path / "data", path)
    assert "no-such-node" in node(cluster, "no-such-node", tmp_path / "data")
    good = str(cluster.local.folder / "cluster.toml")
    assert "no-such-region" in start_refused("router.main", "--cluster", good, "--region", "no-such-region")


def copied_data(cluster: RunningCluster, name: str, folder: Path) -> Path:
    """Copy a node's data directory as it lies there, as a person would who moves disks."""
    target = folder / "copied"
    shutil.copytree(cluster.local.folder / "nodes" / name, target)
    return target
