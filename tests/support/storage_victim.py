"""A process that writes without pause and reports every acknowledged write on its standard output, until it is killed.

Run as a module: `python -m tests.support.storage_victim DIRECTORY FIRST`.
"""

import asyncio
import sys
from pathlib import Path

from node.storage.batch import WriteBatch
from node.storage.engine import Space
from node.storage.lmdb_engine import LmdbEngine, LmdbSpec
from node.storage.writer import StorageWriter
from tests.support.storage import IDENTITY
from wire.clock import SystemClock

IN_FLIGHT = 16
# Small, so that the map grows while the victim runs.
SPEC = LmdbSpec(map_bytes=1 << 17)


def value_of(number: int) -> bytes:
    """Return what is written under a number: large enough for overflow pages now and then."""
    return b"%d " % number * (1 + number % 500)


async def write_for_ever(writer: StorageWriter, first: int, step: int) -> None:
    """Write every `step`-th number in two rows of one batch, and say so once it is durable."""
    number = first
    while True:
        batch = WriteBatch()
        batch.put(Space.ITEMS, b"%012d" % number, value_of(number))
        batch.put(Space.LOG, b"%012d" % number, value_of(number))
        await writer.submit(batch, lazy=number % 7 == 0)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += step


async def main(folder: Path, first: int) -> None:
    """Run until killed."""
    writer = StorageWriter(LmdbEngine(folder, IDENTITY, SPEC), SystemClock(), lambda error: sys.exit(repr(error)))
    writer.start()
    async with asyncio.TaskGroup() as tasks:
        for offset in range(IN_FLIGHT):
            tasks.create_task(write_for_ever(writer, first + offset, IN_FLIGHT))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
