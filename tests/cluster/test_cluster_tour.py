"""The README's own words to a new user, carried out: start, take the tour, stop, start again on the same data, take it again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOBETABLE = Path(sys.executable).with_name("globetable")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a shell in which the commands of the README are pasted; what was started is stopped."""
    made = {**os.environ, "GLOBETABLE_DATA": str(tmp_path / "data")}
    yield made
    subprocess.run([GLOBETABLE, "down"], env=made, check=False)


def pasted(environment: dict[str, str], *words: str | Path) -> str:
    done = subprocess.run([*words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


# The tour checks itself at every step; that it runs through, and again over what it left, is what a new user sees first.
def test_the_tour_passes_twice_on_the_same_data(environment: dict[str, str]) -> None:
    pasted(environment, GLOBETABLE, "up", "--detach", "--port", "0")
    assert "The tour is complete" in pasted(environment, sys.executable, "scripts/tour.py")
    pasted(environment, GLOBETABLE, "down")
    pasted(environment, GLOBETABLE, "up", "--detach")
    again = pasted(environment, sys.executable, "scripts/tour.py")
    assert "items survived" in again
    assert "The tour is complete" in again
