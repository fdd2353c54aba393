"""Opening a node's disk, whatever has become of it.

A data file that cannot be used is set aside, where a region can give the node everything back: the node goes on as one that has lost
its disk. That a file cannot be used shows when it is opened, or in the life before: then a note in the data directory says so. LMDB
reads pages where they lie, so a page that is broken in some ways ends the process with a signal: what the signal's handler has written
tells whether the process was inside the engine when it came.

Knows notes, and when to believe them. Refuses to know whether the region can spare the node.
"""

from pathlib import Path
from typing import Final

from node.storage.directory import Identity
from node.storage.disk import Disk
from node.storage.errors import DamagedRecord, DamagedStorage
from node.storage.lmdb_engine import LmdbEngine, LmdbSpec
from wire.telemetry import EventLog

CRASH_NAME: Final = "crash.txt"
UNUSABLE_NAME: Final = "unusable.txt"
_ENGINE_FILE: Final = "lmdb_engine.py"
_CURRENT_THREAD: Final = "Current thread"
_TEXT_BYTES_MAX: Final = 1 << 16

_log = EventLog(__name__)


def open_disk(path: Path, identity: Identity, spec: LmdbSpec, *, can_rejoin: bool) -> tuple[LmdbEngine, Disk]:
    """Open the disk, or a new one in its place. Raises StorageError; of a damaged file only without `can_rejoin`."""
    reason = found_unusable(path)
    if not reason or not can_rejoin:
        try:
            return _opened(path, identity, spec)
        except (DamagedStorage, DamagedRecord) as error:
            if not can_rejoin:
                raise
            reason = str(error)
    _log.error("storage_set_aside", path=path, reason=reason)
    opened = _opened(path, identity, spec, reason)
    (path / UNUSABLE_NAME).unlink(missing_ok=True)
    return opened


def note_unusable(path: Path, reason: str) -> None:
    """Have the data file set aside at the next start."""
    (path / UNUSABLE_NAME).write_text(reason, encoding="utf-8")


def found_unusable(path: Path) -> str:
    """Return why the last life could not use the data file, or nothing."""
    try:
        return _text(path / UNUSABLE_NAME) or crash_in_engine(_text(path / CRASH_NAME))
    except OSError as error:
        _log.warning("notes_not_read", path=path, error=str(error))
        return ""


def crash_in_engine(crash: str) -> str:
    """Return why a crash makes the data file unusable: its thread was in the engine. Empty = it was elsewhere."""
    what, *_ = crash.splitlines() or [""]
    _, _, thread = crash.partition(_CURRENT_THREAD)
    frames = [line for line in thread.splitlines() if line.lstrip().startswith("File ")]
    is_inside = bool(frames) and _ENGINE_FILE in frames[0]
    return f"the process was ended inside the engine: {what}" if is_inside else ""


def _opened(path: Path, identity: Identity, spec: LmdbSpec, lost: str = "") -> tuple[LmdbEngine, Disk]:
    engine = LmdbEngine(path, identity, spec, lost=lost)
    try:
        return engine, Disk(engine, identity)
    except BaseException:
        engine.close()
        raise


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_TEXT_BYTES_MAX).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
