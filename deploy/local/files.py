"""Files that say what a cluster is or runs: each is there whole or not at all, whatever happens while it is written."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace a file durably: readers and crashes see what it was or what it is now. Raises OSError, and then it is what it was."""
    fresh = fresh_path(path)
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def fresh_path(path: Path) -> Path:
    """Return where a file's next content is until it is whole."""
    return path.with_name(f"{path.name}.new")


def sync_folder(folder: Path) -> None:
    """Make what a folder lists survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
