"""The launcher killed, or refused its disk, at every step of `up` and `down`: the next command understands what it left, and mends it."""

import json
import shutil
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local.cluster import stop_processes
from deploy.local.errors import LocalClusterError
from deploy.local.folder import ClusterFolder
from deploy.local.found import processes_on
from deploy.local.processes import ProcessTable
from tests.support.cluster import eventually
from tests.support.launcher import Ended, StandInCluster, ended
from wire.cluster import load_cluster

NAMES = {"us-east-1-1", "us-east-1-router"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cluster"
    yield folder
    for group in processes_on(folder).values():
        for each in group:
            each.process.kill()


def cluster_id(folder: Path) -> str | None:
    """Return the identity of the cluster in a folder, whose file is whole or not there."""
    file = folder / "cluster.toml"
    return load_cluster(file).cluster_id if file.exists() and file.read_text() else None


def assert_mended(folder: Path) -> None:
    """Let the next commands go over what one has left: each of them does what it says."""
    before = cluster_id(folder)
    said = ended("up", folder)
    assert said.status == 0, said
    assert before in (None, cluster_id(folder)), "a cluster that had been made is another now"
    running = processes_on(folder)
    assert {name: len(group) for name, group in running.items()} == dict.fromkeys(NAMES, 1)
    table = ProcessTable(folder)
    assert {name: table.running(name) for name in NAMES} == {name: group[0].process for name, group in running.items()}
    said = ended("delete", folder)
    assert (said.status, said.said) == (0, "stopped; the data is gone")
    assert not folder.exists()
    assert processes_on(folder) == {}


def assert_told(said: Ended) -> None:
    """A refusal is one line, and never the claim that all is done."""
    assert "Traceback" not in said.said, said
    assert "stopped" not in said.said
    assert said.said.count("globetable:") == 1


def stage(verb: str, folder: Path) -> None:
    """Make what a command begins with: nothing, or a cluster that runs."""
    if verb != "up":
        assert ended("up", folder).status == 0


def steps_of(verb: str, folder: Path, mode: str) -> int:
    stage(verb, folder)
    counted = ended(verb, folder, mode)
    assert counted.status == 0, counted
    ended("delete", folder)
    return counted.steps


# A command may be killed anywhere: what it was about to write is there whole or not at all, and what runs is found.
@pytest.mark.parametrize("verb", ["up", "down", "delete"])
def test_killed_at_every_step(verb: str, folder: Path) -> None:
    steps = steps_of(verb, folder, "kill")
    assert steps >= 3
    for step in range(1, steps + 1):
        stage(verb, folder)
        killed = ended(verb, folder, "kill", step)
        assert killed.status == -signal.SIGKILL, (step, killed)
        assert_mended(folder)


# A disk may be full, or become read-only, at any moment: one line says so, nothing is claimed, and nothing that runs is forgotten.
@pytest.mark.parametrize("verb", ["up", "down", "delete"])
def test_refused_at_every_step(verb: str, folder: Path) -> None:
    for step in range(1, steps_of(verb, folder, "refuse") + 1):
        stage(verb, folder)
        refused = ended(verb, folder, "refuse", step)
        if refused.status:
            assert_told(refused)
            assert verb != "up" or processes_on(folder) == {}, "a start that failed leaves nothing behind"
        assert_mended(folder)


# Closed folders are other people's: what lies where a cluster would keep its data is neither taken over nor deleted.
@pytest.mark.parametrize("name", ["nodes", "logs"])
def test_somebody_elses_folder(name: str, folder: Path) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "thesis.txt").write_text("years of work")
    assert "choose an empty folder with --data" in ended("up", folder).said
    assert f"no cluster in {folder}" in ended("delete", folder).said
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name / "thesis.txt").read_text() == "years of work"


# Who gives each node a disk of its own mounts it before there is a cluster: folders alone are in nobody's way.
def test_disks_may_be_mounted_first(folder: Path) -> None:
    for name in NAMES:
        (folder / "nodes" / name / "lost+found").mkdir(parents=True)
    assert ended("up", folder).status == 0
    assert set(processes_on(folder)) == NAMES


# A copy of a folder has the process table of the original, whose processes are none of the copy's.
def test_a_copied_folder(folder: Path, tmp_path: Path) -> None:
    assert ended("up", folder).status == 0
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert ended("delete", copy).status == 0
    assert set(processes_on(folder)) == NAMES


# A table that is damaged is made anew from what runs: the same processes, still there, and stopped when asked.
@pytest.mark.parametrize("content", [b"", b"{"])
def test_a_damaged_process_table(content: bytes, folder: Path) -> None:
    assert ended("up", folder).status == 0
    before = {name: group[0].process.pid for name, group in processes_on(folder).items()}
    table = folder / "processes.json"
    table.write_bytes(content)
    assert {name: found(folder, name) for name in NAMES} == before
    assert ended("up", folder).status == 0
    assert {name: found(folder, name) for name in NAMES} == before
    assert set(json.loads(table.read_bytes())) == NAMES
    assert_mended(folder)


def found(folder: Path, name: str) -> int | None:
    process = ProcessTable(folder).running(name)
    return None if process is None else process.pid


# Whoever removes the folder by hand leaves processes that no command could find: they end by themselves.
def test_processes_of_a_removed_folder_end(folder: Path) -> None:
    assert ended("up", folder).status == 0
    shutil.rmtree(folder)
    eventually(lambda: processes_on(folder) == {}, "processes that nobody knows end")


# A file that a full disk has left empty (as earlier versions did) made nothing yet: `up` goes on, `down --delete-data` removes it.
def test_an_empty_cluster_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "cluster.toml").write_text("")
    with pytest.raises(LocalClusterError, match="is empty, and nothing was made by it yet"):
        StandInCluster.open(folder)
    assert ended("delete", folder).said == "stopped; the data is gone"
    folder.mkdir()
    (folder / "cluster.toml").write_text("")
    assert_mended(folder)


# Nobody knows what a damaged file said: it is not replaced, but the folder can be emptied.
def test_a_damaged_cluster_file(folder: Path) -> None:
    assert ended("up", folder).status == 0
    (folder / "cluster.toml").write_text("regions = 3")
    assert "cluster.toml" in ended("up", folder).said
    assert ended("down", folder).status == 0
    assert processes_on(folder) == {}
    assert (folder / "cluster.toml").read_text() == "regions = 3"
    assert ended("delete", folder).said == "stopped; the data is gone"


# Two at once, over and over: one makes the cluster, the other finds it made; it never has two identities, nor a process twice.
def test_two_starts_at_once(folder: Path) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: ended("up", folder), range(2)))
        assert [each.status for each in both] == [0, 0], both
        assert {name: len(group) for name, group in processes_on(folder).items()} == dict.fromkeys(NAMES, 1)
        assert_mended(folder)


# One that starts and one that stops: whoever comes second does all of it, on what the first has left.
def test_a_start_and_a_stop_at_once(folder: Path) -> None:
    assert ended("up", folder).status == 0
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda verb: ended(verb, folder), ["up", "down"]))
        assert [each.status for each in both] == [0, 0], both
        assert set(processes_on(folder)) in (set(), NAMES)
    assert_mended(folder)


# Two that start the same node: one does, the other finds it started.
def test_a_node_started_twice_at_once(folder: Path) -> None:
    assert ended("up", folder).status == 0
    for _ in range(5):
        assert StandInCluster.open(folder).kill("us-east-1-1")
        with ThreadPoolExecutor(3) as pool:
            both = list(pool.map(lambda _: ended("start node", folder), range(3)))
        assert {each.status for each in both} == {0}, both
        assert {name: len(group) for name, group in processes_on(folder).items()} == dict.fromkeys(NAMES, 1)


# The file of containers goes the same way: two that write it at once agree on one identity, and one that is killed leaves a whole file.
def test_the_file_of_containers_has_one_identity(folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: ended("write file", folder), range(2)))
    identity = cluster_id(folder)
    assert identity is not None
    assert all(each.status == 0 and identity in each.said for each in both), both
    for step in range(1, ended("write file", folder).steps + 1):
        assert ended("write file", folder, "kill", step).status == -signal.SIGKILL
        assert cluster_id(folder) == identity
        assert ended("write file", folder, "refuse", step).status in (0, 1)
        assert cluster_id(folder) == identity


# A command that changes a folder keeps others out until it ends, and the lock dies with it.
def test_the_folder_is_held(folder: Path) -> None:
    home, other = ClusterFolder(folder), ClusterFolder(folder)
    refused = pytest.raises(LocalClusterError, match="another globetable command")
    with home.changing(create=True), home.changing(), refused, other.changing(seconds_max=0):
        pass
    with other.changing(seconds_max=0):
        pass


# A node that stops before the routers do has requests on their way to it.
def test_routers_are_stopped_before_nodes(folder: Path) -> None:
    assert ended("up", folder).status == 0
    stopped: list[str] = []

    class Watched(ProcessTable):
        def stop(self, names: Sequence[str], timeout_seconds: float) -> list[str]:
            killed = super().stop(names, timeout_seconds)
            stopped.extend(names)
            assert not set(self.names()) & set(names)
            return killed

    assert stop_processes(Watched(folder)) == []
    assert stopped == ["us-east-1-router", "us-east-1-1"]
