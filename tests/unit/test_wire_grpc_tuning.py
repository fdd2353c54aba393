"""What gRPC's core is told by its environment."""

import os
import subprocess
import sys

import pytest

from wire.grpc_tuning import POLL_DIRECTLY, tune_grpc

USES_GRPC = "import grpc; grpc.insecure_channel('127.0.0.1:1').close()"


# A name that a newer gRPC has forgotten is passed over with a line that nobody sees, and messages cost more again.
def test_grpc_knows_what_it_is_told() -> None:
    environment = {**os.environ, "GRPC_EXPERIMENTS": POLL_DIRECTLY, "GRPC_VERBOSITY": "info"}
    done = subprocess.run(
        [sys.executable, "-c", USES_GRPC], env=environment, capture_output=True, text=True, check=True
    )
    assert "experiment" not in done.stderr.lower()


# Who looks into gRPC itself sets these variables, and must find them respected.
def test_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    monkeypatch.delenv("GRPC_EXPERIMENTS", raising=False)
    tune_grpc()
    assert (os.environ["GRPC_VERBOSITY"], os.environ["GRPC_EXPERIMENTS"]) == ("debug", POLL_DIRECTLY)
