"""`globetable up` told to end, on disks that refuse, and twice at once: nothing is left behind that the next command does not know."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from deploy.local.found import processes_on
from tests.support.cluster import eventually
from wire.cluster import load_cluster

GLOBETABLE = Path(sys.executable).parent / "globetable"
SECONDS_MAX = 120
SIZE = ("--regions", "1", "--nodes", "1", "--partitions", "1", "--port", "0")
PAGE_BYTES = 4096
MOMENTS_SECONDS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cluster"
    yield folder
    for group in processes_on(folder).values():
        for each in group:
            each.process.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=128m", "tmpfs", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"this test needs the right to mount a small file system (run as root): {done.stderr.strip()}")


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [GLOBETABLE, *words, "--data", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)


def good(*words: str, folder: Path) -> str:
    done = run(*words, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def refused(*words: str, folder: Path) -> str:
    done = run(*words, folder=folder)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("globetable:") == 1
    return " ".join(done.stderr.split())


def in_a_terminal(folder: Path, *before: str) -> tuple[int, "subprocess.Popen[bytes]"]:
    """Run `up` in the foreground of a terminal of its own; closing the descriptor closes the terminal."""
    master, slave = pty.openpty()
    command = [GLOBETABLE, "up", *SIZE, "--data", str(folder)]
    process = subprocess.Popen(
        # As a shell starts it: whoever runs the tests may ignore the end of a terminal, which would be handed on.
        ["env", "--default-signal=HUP", "setsid", "--ctty", "--wait", *before, *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        cwd=folder.parent,  # where nohup writes
    )
    os.close(slave)
    return master, process


def is_serving(folder: Path) -> bool:
    return '"state": "ready"' in run("status", "--json", folder=folder).stdout


def first_process(folder: Path) -> bool:
    return bool(processes_on(folder))


# A closed terminal says SIGHUP, an orchestrator SIGTERM, a person Ctrl-C: whenever it comes, nothing that was started stays behind.
@pytest.mark.parametrize("moment", [first_process, is_serving])
@pytest.mark.parametrize("end", ["closed terminal", signal.SIGTERM])
def test_a_foreground_start_leaves_nothing_behind(moment, end, folder: Path) -> None:  # type: ignore[no-untyped-def]
    master, process = in_a_terminal(folder)
    try:
        eventually(lambda: moment(folder), "the moment to end it")
        if end == "closed terminal":
            os.close(master)
        else:
            psutil.Process(process.pid).children()[0].send_signal(end)
        process.wait(SECONDS_MAX)
        assert processes_on(folder) == {}
    finally:
        process.kill()
        process.wait()
        if end != "closed terminal":
            os.close(master)
    good("up", "--detach", folder=folder)
    good("down", "--delete-data", folder=folder)


# What is being done when the terminal goes, a process forked but not yet under its name or a lock taken, is not left half done.
def test_a_terminal_closed_at_any_moment_of_a_start(tmp_path: Path) -> None:
    for number, seconds in enumerate(MOMENTS_SECONDS):
        folder = tmp_path / str(number)
        master, process = in_a_terminal(folder)
        eventually(lambda at=folder: at.exists(), "the start of the command")  # type: ignore[misc]
        time.sleep(seconds)
        os.close(master)
        process.wait(SECONDS_MAX)
        assert processes_on(folder) == {}, seconds


# Whoever starts it with nohup asks that a closed terminal change nothing: it serves on, and `down` ends it.
def test_nohup_outlives_its_terminal(folder: Path) -> None:
    master, process = in_a_terminal(folder, "nohup")
    said = folder.parent / "nohup.out"
    eventually(lambda: said.exists() and "Ctrl-C stops" in said.read_text(), "the end of the start")
    os.close(master)
    assert is_serving(folder)
    good("down", "--delete-data", folder=folder)
    assert process.wait(SECONDS_MAX) == 0


# A disk that is full from the first byte on, or a few pages later: one line, no process, and a folder that goes on once there is space.
def test_up_on_a_full_disk(disk: Path) -> None:
    folder = disk / "cluster"
    for pages in range(4):
        free = fill(disk / "ballast", pages)
        said = refused("up", "--detach", *SIZE, folder=folder)
        assert "No space left on device" in said or "did not start" in said, (free, said)
        assert processes_on(folder) == {}
        (disk / "ballast").unlink()
    good("up", "--detach", *SIZE, folder=folder)
    assert set(processes_on(folder)) == {"us-east-1-1", "us-east-1-router"}
    good("down", "--delete-data", folder=folder)
    assert not folder.exists()


def fill(path: Path, pages_left: int) -> int:
    """Leave so many pages of the file system of a file."""
    free = os.statvfs(path.parent).f_bavail - pages_left
    with path.open("wb", buffering=0) as ballast:
        for _ in range(free):
            ballast.write(b"\0" * PAGE_BYTES)
    return os.statvfs(path.parent).f_bavail


# What cannot be written cannot be deleted: `down` stops, and claims no more than that.
def test_a_read_only_folder(disk: Path) -> None:
    folder = disk / "cluster"
    good("up", "--detach", *SIZE, folder=folder)
    good("down", folder=folder)
    mount("-o", "remount,ro", str(disk))
    assert "Read-only file system" in refused("up", "--detach", folder=folder)
    assert processes_on(folder) == {}
    assert "stopped; the data stays" in good("down", folder=folder)
    assert "Read-only file system" in refused("down", "--delete-data", folder=folder)
    assert '"state": "stopped"' in good("status", "--json", folder=folder)
    mount("-o", "remount,rw", str(disk))
    good("up", "--detach", folder=folder)
    good("down", "--delete-data", folder=folder)


# The second of two once rewrote the file of the running cluster, whose data then opened no more.
def test_two_starts_at_once(folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run("up", "--detach", *SIZE, folder=folder), range(2)))
    assert [each.returncode for each in both] == [0, 0], [each.stderr for each in both]
    before = load_cluster(folder / "cluster.toml").cluster_id
    assert {name: len(group) for name, group in processes_on(folder).items() if name == "us-east-1-1"} == {
        "us-east-1-1": 1
    }
    good("down", folder=folder)
    good("up", "--detach", folder=folder)
    assert load_cluster(folder / "cluster.toml").cluster_id == before
    # And two that stop it.
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run("down", folder=folder), range(2)))
    assert processes_on(folder) == {}
    assert [each.returncode for each in both] == [0, 0], [each.stderr for each in both]


# Data whose folder was taken away under it is of no use to anybody: its processes end.
def test_nodes_of_a_removed_folder_end(folder: Path) -> None:
    good("up", "--detach", *SIZE, folder=folder)
    folder.rename(folder.with_name("elsewhere"))
    eventually(lambda: processes_on(folder) == {}, "processes that no command finds end")
