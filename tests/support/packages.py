"""Programs of Debian's that a test needs: installed where they are missing and that is possible, else the test fails and says so."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "packages.sh"


def need_command(command: str, package: str, what: str) -> None:
    """Have a command, as `scripts/packages.sh` has it for scripts."""
    if shutil.which(command) is not None:
        return
    asked = ["bash", "-c", 'source "$0" && need_command "$@"', str(SCRIPT), command, package, what]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"NOT RUN: {done.stderr.strip().splitlines()[-1]}")
