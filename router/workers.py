"""Further router processes that share the HTTP port: started, watched and ended by the first one.

Knows processes; refuses to know what they do. A worker ends by itself when its standard input does, so none outlives the first.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from wire.telemetry import EventLog

RESTART_SECONDS: Final = 1.0
STOP_SECONDS: Final = 8.0

_log = EventLog(__name__)


class WorkerProcesses:
    """Keep a number of workers running."""

    def __init__(self, arguments: Sequence[str], count: int) -> None:
        self._arguments = arguments
        self._count = count
        self._processes: set[asyncio.subprocess.Process] = set()

    async def run(self) -> None:
        """Run all workers until cancelled; one that ends is started again."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(1, self._count + 1):
                    tasks.create_task(self._keep(number))
        finally:
            await self._end()

    async def _keep(self, number: int) -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "router.main",
                *self._arguments,
                "--worker",
                str(number),
                stdin=asyncio.subprocess.PIPE,
            )
            self._processes.add(process)
            status = await process.wait()
            self._processes.discard(process)
            _log.error("worker_ended", worker=number, pid=process.pid, status=status)
            await asyncio.sleep(RESTART_SECONDS)

    async def _end(self) -> None:
        for process in self._processes:
            process.terminate()
        waiting = [asyncio.ensure_future(process.wait()) for process in self._processes]
        if waiting:
            _, left = await asyncio.wait(waiting, timeout=STOP_SECONDS)
            for process in self._processes if left else ():
                if process.returncode is None:
                    process.kill()


async def wait_orphaned() -> None:
    """Return when standard input ends: the process that started this one is gone."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    await reader.read()
