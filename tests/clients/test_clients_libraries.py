"""Programs of libraries that build on boto, each in its own environment with the boto that it pins."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FLOWS = Path(__file__).resolve().parent / "flows"
PATIENCE_SECONDS = 300.0


# What their authors' documentation shows, end to end; a flow asserts for itself, and says where it stopped.
@pytest.mark.parametrize("client", ["pynamodb", "aioboto3"])
def test_libraries_work_unmodified(
    client: str,
    client_environment: Callable[[str], Path],
    client_variables: dict[str, str],
    table_name: str,
) -> None:
    finished = subprocess.run(
        [str(client_environment(client) / "python"), str(FLOWS / f"{client}_flow.py")],
        env={**os.environ, **client_variables, "TABLE_NAME": table_name},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
