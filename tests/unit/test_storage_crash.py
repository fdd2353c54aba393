"""A node that is killed loses nothing it has acknowledged."""

import os
import subprocess
import sys
from pathlib import Path

from node.storage.engine import Space
from node.storage.lmdb_engine import LmdbEngine
from tests.support.storage import IDENTITY
from tests.support.storage_victim import value_of

ROOT = Path(__file__).parents[2]
KILLS = 4
ACKNOWLEDGED_PER_LIFE = 150


def killed_after(folder: Path, first: int) -> list[int]:
    """Let a victim write until enough was acknowledged, kill it, and return every acknowledged number."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"}
    command = [sys.executable, "-m", "tests.support.storage_victim", str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as victim:
        assert victim.stdout is not None
        lines = [victim.stdout.readline() for _ in range(ACKNOWLEDGED_PER_LIFE)]
        victim.kill()
        lines += victim.stdout.readlines()
    # The last line may have been cut by the kill; then nobody has read it either.
    return [int(line) for line in lines if line.endswith(b"\n")]


# The promise of the whole store begins here: acknowledged means on disk, through kill -9 at any moment, again and
# again, while the map grows; and a batch is there whole or not at all.
def test_acknowledged_writes_survive_kill_9(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for life in range(KILLS):
        acknowledged += killed_after(tmp_path, first=life * 1_000_000)
        engine = LmdbEngine(tmp_path, IDENTITY)
        with engine.snapshot() as view:
            for number in acknowledged:
                assert view.get(Space.ITEMS, b"%012d" % number) == value_of(number)
            assert list(view.scan(Space.ITEMS, b"", None)) == list(view.scan(Space.LOG, b"", None))
        engine.close()
    assert len(acknowledged) >= KILLS * ACKNOWLEDGED_PER_LIFE
