"""Processes that are asked to end while they still start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS_MAX = 90.0
NODE = ["node.start", "--node", "us-east-1-1", "--data", "data"]
ROUTER = ["router.start", "--region", "us-east-1"]


# The first process of a container ignores SIGTERM unless it handles it, and would be killed when its grace time is over. The cluster
# file is a pipe that nobody fills: opening it tells that the process is under way, and it gets no further.
@pytest.mark.parametrize("arguments", [NODE, ROUTER], ids=["node", "router"])
def test_a_process_that_starts_ends_at_once_when_asked(tmp_path: Path, arguments: list[str]) -> None:
    pipe = tmp_path / "cluster.toml"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", *arguments, "--cluster", str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, pipe.open("w"):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=SECONDS_MAX)
    assert (process.returncode, errors) == (0, "")
