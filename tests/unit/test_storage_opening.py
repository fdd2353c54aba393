"""Data files that cannot be used: set aside where a region can give everything back, refused where nobody can."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.storage.engine import Space
from node.storage.errors import DamagedStorage
from node.storage.lmdb_engine import LmdbSpec
from node.storage.opening import CRASH_NAME, UNUSABLE_NAME, crash_in_engine, note_unusable, open_disk
from tests.support.scrubbing import put_raw
from tests.support.storage import IDENTITY

SPEC = LmdbSpec(map_bytes=1 << 20)
INSIDE = """Fatal Python error: Bus error

Thread 0x00007f (most recent call first):
  File "/x/asyncio/base_events.py", line 1 in run

Current thread 0x00007e (most recent call first):
  File "/x/node/storage/lmdb_engine.py", line 74 in get
  File "/x/node/storage/items.py", line 33 in find
"""


def filled(path: Path) -> None:
    engine, _ = open_disk(path, IDENTITY, SPEC, can_rejoin=True)
    put_raw(engine, Space.ITEMS, b"key", b"value")
    engine.close()


def is_set_aside(path: Path) -> bool:
    """Open the disk in a region; tell whether it has begun anew, as one that is lost."""
    engine, disk = open_disk(path, IDENTITY, SPEC, can_rejoin=True)
    try:
        with engine.snapshot() as view:
            is_empty = view.get(Space.ITEMS, b"key") is None
        assert is_empty == disk.is_lost
        return is_empty
    finally:
        engine.close()


# What is whole stays, whatever else lies around.
def test_a_whole_file_is_opened_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / CRASH_NAME).write_text(INSIDE.replace("lmdb_engine", "exchange"))
    assert not is_set_aside(tmp_path)


# Each way in which a file can be unusable ends in an empty disk that knows that it is lost, and the old file is kept, one of them.
@pytest.mark.parametrize("how", ["cut", "nonsense", "missing", "noted", "crashed"])
def test_a_file_that_cannot_be_used_is_set_aside(tmp_path: Path, how: str) -> None:
    filled(tmp_path)
    data = tmp_path / "data.mdb"
    match how:
        case "cut":
            os.truncate(data, data.stat().st_size // 2)
        case "nonsense":
            data.write_bytes(b"\xff" * data.stat().st_size)
        case "missing":
            data.unlink()
        case "noted":
            note_unusable(tmp_path, "a page could not be read")
        case "crashed":
            (tmp_path / CRASH_NAME).write_text(INSIDE)
    assert is_set_aside(tmp_path)
    assert (tmp_path / "data.mdb.unusable").exists() == (how != "missing")
    assert not (tmp_path / UNUSABLE_NAME).exists()


# Without peers the operator decides: what is there is all there is.
def test_alone_a_damaged_file_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "data.mdb").write_bytes(b"\xff" * 8_192)
    with pytest.raises(DamagedStorage):
        open_disk(tmp_path, IDENTITY, SPEC, can_rejoin=False)
    assert (tmp_path / "data.mdb").exists()


# A fatal signal tells only where it came: inside the engine it speaks of the file, elsewhere it does not.
def test_only_a_crash_inside_the_engine_speaks_of_the_file(tmp_path: Path) -> None:
    assert "Bus error" in crash_in_engine(INSIDE)
    assert crash_in_engine(INSIDE.replace("lmdb_engine.py", "exchange.py")) == ""
    assert crash_in_engine("") == crash_in_engine("Fatal Python error: Aborted") == ""


# The text that the interpreter really writes when a signal ends it.
def test_a_real_signal_leaves_such_a_text(tmp_path: Path) -> None:
    script = tmp_path / "lmdb_engine.py"
    script.write_text(
        "import faulthandler, os, signal, sys\n"
        "file = open(sys.argv[1], 'a')\n"
        "faulthandler.enable(file=file)\n"
        "def get():\n    os.kill(os.getpid(), signal.SIGBUS)\n"
        "get()\n"
    )
    crash = tmp_path / CRASH_NAME
    died = subprocess.run([sys.executable, script, crash], check=False, capture_output=True)
    assert died.returncode == -signal.SIGBUS
    assert "Bus error" in crash_in_engine(crash.read_text())
