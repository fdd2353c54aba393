"""Processes that cannot start say why in one line and exit with status 2; those that can, end on SIGTERM with status 0."""

import json
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest

from deploy.local.ports import free_ports
from wire.cluster import ClusterSpec, NodeEntry, RegionEntry, Settings, dump_cluster

SECONDS_MAX = 90.0


@pytest.fixture
def cluster_file(tmp_path: Path) -> Path:
    """A cluster of one region and one node on free ports of loopback."""
    return written_cluster(tmp_path, nodes=1)


@pytest.fixture
def pair_file(tmp_path: Path) -> Path:
    """The same of two nodes: one alone waits for the other, as a region is founded by all of its nodes."""
    return written_cluster(tmp_path, nodes=2)


def written_cluster(folder: Path, nodes: int) -> Path:
    ports = free_ports(random.SystemRandom())
    http, gateway, *addresses = (f"127.0.0.1:{next(ports)}" for _ in range(2 + nodes))
    entries = tuple(NodeEntry(f"n{place}", f"z{place}", address) for place, address in enumerate(addresses, 1))
    spec = ClusterSpec(
        "test-cluster",
        (RegionEntry("us-east-1", 1, http, gateway, entries),),
        settings=Settings(partitions=1, replicas=1, signatures=False),
    )
    path = folder / "cluster.toml"
    path.write_text(dump_cluster(spec))
    return path


def node_arguments(cluster_file: Path, node: str = "n1", data: str = "n1") -> list[str]:
    return ["node.main", "--cluster", str(cluster_file), "--node", node, "--data", str(cluster_file.parent / data)]


def router_arguments(cluster_file: Path, region: str = "us-east-1") -> list[str]:
    return ["router.main", "--cluster", str(cluster_file), "--region", region]


@contextmanager
def started(arguments: list[str], event: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a process and wait until it has written an event; kill it at the end if it is still there."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(f"event={event}" in line or f'"event": "{event}"' in line for line in process.stdout)
            yield process
        finally:
            process.kill()


def refused(arguments: list[str]) -> str:
    """Run a process that must not start; return the one line that it leaves."""
    command = [sys.executable, "-m", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    lines = ended.stderr.splitlines()
    assert (ended.returncode, len(lines)) == (2, 1), ended.stderr
    return lines[0]


def run_once(cluster_file: Path) -> None:
    """Let node n1 form its groups and end, so that its directory holds something."""
    with started(node_arguments(cluster_file), "leadership_ready") as process:
        process.terminate()
        process.wait(SECONDS_MAX)


@contextmanager
def rows(data: Path, database: str) -> "Iterator[tuple[lmdb.Transaction[bytes], lmdb._Database]]":
    """Open the rows of a stopped node, as only a fault would change them."""
    environment = lmdb.open(str(data), max_dbs=6)
    try:
        opened = environment.open_db(database.encode())
        with environment.begin(write=True, db=opened) as transaction:
            yield transaction, opened
    finally:
        environment.close()


def taken_port(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    taken = socket.socket()
    taken.bind((host, int(port)))
    taken.listen()
    return taken


def address_in(cluster_file: Path, name: str) -> str:
    line = next(line for line in cluster_file.read_text().splitlines() if line.startswith(f"{name} = "))
    return line.split('"')[1]


# The first thing a newcomer gets wrong: the message says where the file comes from.
@pytest.mark.parametrize("arguments", [node_arguments, router_arguments])
def test_a_missing_cluster_file(tmp_path: Path, arguments: Callable[[Path], list[str]]) -> None:
    assert "no such cluster file" in refused(arguments(tmp_path / "absent.toml"))


# A typing error in the id must not make a new, empty node; the message lists what there is.
def test_an_unknown_node_or_region(pair_file: Path) -> None:
    assert "'n9' is not in the cluster file; it has n1, n2" in refused(node_arguments(pair_file, "n9"))
    assert "'mars' is not in the cluster file" in refused(router_arguments(pair_file, "mars"))


# Two processes on one port would each get some of the connections.
@pytest.mark.parametrize("name", ["http", "gateway"])
def test_a_routers_port_in_use(cluster_file: Path, name: str) -> None:
    address = address_in(cluster_file, name)
    with taken_port(address):
        assert f"cannot listen on {address}: the port is in use" in refused(router_arguments(cluster_file))


# Nor may the port for metrics be another's: who scrapes it would watch the wrong process.
@pytest.mark.parametrize("arguments", [node_arguments, router_arguments])
def test_a_metrics_port_in_use(cluster_file: Path, arguments: Callable[[Path], list[str]]) -> None:
    address = f"127.0.0.1:{next(free_ports(random.SystemRandom()))}"
    with taken_port(address):
        line = refused([*arguments(cluster_file), "--metrics", address])
    assert f"cannot listen on {address} for metrics: the port is in use" in line


# The same for a node; its data directory is let go again.
def test_a_nodes_port_in_use(cluster_file: Path) -> None:
    address = address_in(cluster_file, "address")
    with taken_port(address):
        assert f"cannot listen on {address}" in refused(node_arguments(cluster_file))
    with started(node_arguments(cluster_file), "node_ready"):
        pass


# One directory, two processes: the second would write over the first one's log.
def test_a_data_directory_in_use(pair_file: Path) -> None:
    with started(node_arguments(pair_file), "joining_waits") as first:
        line = refused(node_arguments(pair_file, "n2", data="n1"))
    assert f"is in use by process {first.pid}" in line


# Somebody mixed up two directories: the data of one node must never be taken for another's.
def test_another_nodes_data_directory(pair_file: Path) -> None:
    with started(node_arguments(pair_file), "joining_waits"):
        pass
    assert "belongs to another node" in refused(node_arguments(pair_file, "n2", data="n1"))


# A directory of an earlier cluster would bring foreign entries into the log.
def test_another_clusters_data_directory(cluster_file: Path) -> None:
    run_once(cluster_file)
    cluster_file.write_text(cluster_file.read_text().replace("test-cluster", "other-cluster"))
    line = refused(node_arguments(cluster_file))
    assert "'test-cluster'" in line
    assert "'other-cluster'" in line


# Garbage where the data should be is never replaced by an empty beginning.
def test_a_damaged_storage_file(cluster_file: Path) -> None:
    run_once(cluster_file)
    path = cluster_file.parent / "n1" / "data.mdb"
    with path.open("r+b") as file:
        file.write(b"\xde\xad" * 8192)
    assert str(path) in refused(node_arguments(cluster_file))


# A log with a wrong byte may have lost what was promised: the line names the partition and the entry.
def test_a_damaged_log_entry(cluster_file: Path) -> None:
    run_once(cluster_file)
    with rows(cluster_file.parent / "n1", "log") as (transaction, database):
        stored_key, stored = next(iter(transaction.cursor(database)))
        transaction.put(stored_key, stored[:-1] + bytes([stored[-1] ^ 1]), db=database)
    assert re.search(r"partition [01].* log .*its checksum", refused(node_arguments(cluster_file)))


# An entry that is gone is as bad as a wrong one, even if the rest of the log still looks whole.
def test_a_missing_log_entry(cluster_file: Path) -> None:
    run_once(cluster_file)
    with rows(cluster_file.parent / "n1", "log") as (transaction, database):
        stored_key, _ = next(iter(transaction.cursor(database)))
        transaction.delete(stored_key, db=database)
    assert re.search(r"partition [01] log entry 2: it is missing", refused(node_arguments(cluster_file)))


# A mistake in the file is told with the file's name and nothing else.
@pytest.mark.parametrize("arguments", [node_arguments, router_arguments])
def test_a_wrong_cluster_file(cluster_file: Path, arguments: Callable[[Path], list[str]]) -> None:
    cluster_file.write_text("regions = 3\n")
    assert str(cluster_file) in refused(arguments(cluster_file))


# Orchestrators send SIGTERM and look at the status; nothing may be left on standard error.
def test_a_node_ends_when_asked(cluster_file: Path) -> None:
    with started(node_arguments(cluster_file), "node_ready") as process:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        assert (process.returncode, errors) == (0, "")


# The same for a router with its workers: they end with it.
def test_a_router_and_its_workers_end_when_asked(cluster_file: Path) -> None:
    with (
        started(node_arguments(cluster_file, "n1"), "node_ready"),
        started([*router_arguments(cluster_file), "--workers", "2"], "router_ready") as process,
    ):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        assert (process.returncode, errors) == (0, "")


# In a container a process is reached under names that are not its own to bind: it listens on every interface at the file's port.
@pytest.mark.parametrize(
    ("event", "arguments"), [("node_ready", node_arguments), ("gateway_listening", router_arguments)]
)
def test_listening_elsewhere_than_the_file_says(
    cluster_file: Path, event: str, arguments: Callable[[Path], list[str]]
) -> None:
    cluster_file.write_text(cluster_file.read_text().replace("127.0.0.1", "absent.invalid"))
    with started([*arguments(cluster_file), "--listen", "0.0.0.0"], event) as process:
        process.terminate()
        assert process.wait(SECONDS_MAX) == 0


# What collects logs of containers reads one JSON object per line, from the first line to the last.
def test_logs_as_json(cluster_file: Path) -> None:
    with started([*node_arguments(cluster_file), "--log-format", "json"], "node_ready") as process:
        process.terminate()
        lines, _ = process.communicate(timeout=SECONDS_MAX)
    assert [json.loads(line)["event"] for line in lines.splitlines()][-1] == "node_stopping"
