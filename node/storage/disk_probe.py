"""The disk under a data directory after it has failed: whether it works again, and what must be forgotten before it is trusted.

Knows system calls. Refuses to know what is stored.
"""

import contextlib
import errno
import os
from pathlib import Path
from typing import Literal

FAILURES = frozenset({errno.EIO, errno.EROFS, errno.ENXIO, errno.ENODEV, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT})
"""What a disk, or what the file system makes of one, answers when it fails; a full one answers otherwise."""
DiskState = Literal["working", "failing", "absent"]
PROBE_NAME = "disk.probe"
_PROBE = b"\0" * 4_096


def takes_writes(folder: Path) -> bool:
    """Tell whether a file can be written to the folder and fsynced."""
    path = folder / PROBE_NAME
    try:
        with path.open("wb", buffering=0) as probe:
            probe.write(_PROBE)
            os.fsync(probe.fileno())
        path.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    return True


def disk_of(database: Path) -> DiskState:
    """Tell how the disk of a closed database is after a failure; where it works, what the kernel holds of the file is forgotten.

    A file system that was taken away leaves a folder of another that takes writes, too, and has no database: that disk is absent.
    """
    if not takes_writes(database.parent):
        return "failing"
    try:
        forget_cached(database)
    except FileNotFoundError:
        return "absent"
    except OSError:
        return "failing"
    return "working"


def forget_cached(path: Path) -> None:
    """Have a closed file read from the disk again.

    After a failed fsync the kernel holds pages that it takes for written; whoever opens the file would read what no disk has.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)
