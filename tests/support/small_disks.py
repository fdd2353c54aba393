"""File systems of their own for nodes' data, small enough to be filled; needs root."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

DISK_MEGABYTES = 256


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Put a file system of its own at a folder."""
    folder.mkdir(parents=True)
    mount(folder, *options)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


def mount(folder: Path, *options: str) -> None:
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"this test needs the right to mount a small file system (run as root): {done.stderr.strip()}")


@contextmanager
def small_disks(folder: Path, *names: str, megabytes: int = DISK_MEGABYTES) -> Iterator[list[Path]]:
    """Give each of these nodes a small disk of its own, or all of them one, for no names."""
    options = ("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs")
    with ExitStack() as stack:
        places = [folder / "nodes" / name for name in names] or [folder / "nodes"]
        yield [stack.enter_context(mounted(place, *options)) for place in places]


def fill(path: Path) -> None:
    """Write until the file system has no byte left."""
    size = 1 << 20
    with path.open("wb", buffering=0) as ballast:
        while size:
            try:
                ballast.write(b"\0" * size)
            except OSError:
                size //= 2
