"""How a process stays known to the command that started it: a launch, named in the environment and in the cluster's process table.

A launch stands in the table before its process exists. A process whose launch is in the table no more (its cluster was deleted, moved
or taken over) would be found by nobody: it ends by itself. Processes that are started by hand have no launch.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LAUNCH_VARIABLE: Final = "GLOBETABLE_LAUNCH"
LOOK_SECONDS: Final = 2.0
"""Between two looks at the table: a stat, and a read when it has changed."""
_LOOKS_MIN: Final = 2
_NAME, _TOKEN, _TABLE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One start of one process of a cluster: its name there, a token of this start, and the table that knows it."""

    name: str
    token: str
    table: Path

    def environment(self) -> dict[str, str]:
        """Return what tells a process of its launch; whatever that starts inherits it."""
        return {LAUNCH_VARIABLE: f"{self.name} {self.token} {self.table}"}


def launch_of(environment: Mapping[str, str]) -> Launch | None:
    """Return the launch that an environment tells of, if any."""
    words = environment.get(LAUNCH_VARIABLE, "").split(" ", _TABLE)
    if len(words) <= _TABLE:
        return None
    return Launch(name=words[_NAME], token=words[_TOKEN], table=Path(words[_TABLE]))


@dataclass(slots=True)
class LaunchWatch:
    """Look at the table again and again; what cannot be read says nothing, and what is missing must be missing twice."""

    launch: Launch
    _seen: tuple[int, int] = (0, 0)
    _misses: int = field(default=0)

    def is_disowned(self) -> bool:
        """Whether the table has forgotten the launch for good."""
        try:
            found = os.stat(self.launch.table)
            if (found.st_ino, found.st_mtime_ns) == self._seen:
                return False
            self._misses = 0 if self._is_named() else self._misses + 1
            if not self._misses:
                self._seen = (found.st_ino, found.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError):
            self._misses += 1
        except (OSError, ValueError):
            return False
        return self._misses >= _LOOKS_MIN

    def _is_named(self) -> bool:
        table = json.loads(self.launch.table.read_bytes())
        # By the pid, too: an earlier version, which knows no launches, may have written the table.
        return any(each.get("token") == self.launch.token or each.get("pid") == os.getpid() for each in table.values())


async def wait_disowned(launch: Launch) -> None:
    """Return when the table has forgotten a launch."""
    import asyncio  # also small programs without a loop look at tables

    watch = LaunchWatch(launch)
    while True:
        if watch.is_disowned():
            return
        await asyncio.sleep(LOOK_SECONDS)
