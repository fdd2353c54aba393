"""The process table: real child processes that outlive their starter and are never mistaken for others."""

import signal
import subprocess
import sys

import msgspec
import psutil
import pytest

from deploy.local.processes import Command, ProcessTable, Started
from tests.support.cluster import eventually

WAITS = ["timeit", "-n", "1", "-r", "1", "import time; time.sleep(600)"]


@pytest.fixture
def table(tmp_path):
    table = ProcessTable(tmp_path)
    yield table
    table.stop(["child"], 5)


def start(table, arguments):
    """Start the child; return its pid."""
    assert table.start({"child": Command(arguments)}) == ["child"]
    return table._table()["child"].pid


# A second invocation of the command line must find what the first one started.
def test_found_again_by_another_table(tmp_path, table):
    pid = start(table, WAITS)
    found = ProcessTable(tmp_path).running("child")
    assert found is not None
    assert found.pid == pid


# A pid that the kernel has given to somebody else is not ours: signalling it would kill a stranger.
def test_reused_pid_is_not_ours(tmp_path, table):
    with subprocess.Popen([sys.executable, "-m", *WAITS]) as stranger:
        for created in (psutil.Process(stranger.pid).create_time(), 0.0):
            forged = {"child": Started(stranger.pid, created)}
            (tmp_path / "processes.json").write_bytes(msgspec.json.encode(forged))
            assert table.running("child") is None
            assert not table.send("child", signal.SIGKILL)
        assert stranger.poll() is None
        stranger.kill()


# The kernel tells times of creation by the wall clock: one that is set meanwhile must not make strangers of our processes.
def test_found_again_after_the_clock_was_set(tmp_path, table):
    pid = start(table, WAITS)
    record = table._table()["child"]
    earlier = msgspec.structs.replace(record, created=record.created - 5.0, booted=record.booted - 5.0)
    (tmp_path / "processes.json").write_bytes(msgspec.json.encode({"child": earlier}))
    found = table.running("child")
    assert found is not None
    assert found.pid == pid


# A killed child is gone at once, though its starter has not reaped it.
def test_killed_process_is_gone(table):
    start(table, WAITS)
    assert table.send("child", signal.SIGKILL)
    assert table.wait_gone("child", 60)
    assert table.running("child") is None


# A frozen process must be stoppable, or `down` would hang after `node pause`.
def test_frozen_process_can_be_stopped(table):
    start(table, WAITS)
    table.send("child", signal.SIGSTOP)
    eventually(lambda: table.is_paused("child"), "child frozen")
    assert table.stop(["child"], 60) == []
    assert table.running("child") is None


# When a process does not start, its last words are what a person needs to see.
def test_last_line_is_kept(table):
    start(table, ["no.such.module"])
    assert table.wait_gone("child", 60)
    assert "no.such.module" in table.last_line("child")
