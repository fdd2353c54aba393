"""How a process ends before it serves: at once, with status 0, since there is nothing yet to hand over.

The first process of a container ignores SIGTERM unless it has a handler, so one that is stopped while it still imports would be killed
at the end of the grace time. Knows nothing of what a process does once it serves: that installs a handler of its own.
"""

import os
import signal
from types import FrameType


def end_at_once_until_served() -> None:
    """Make SIGTERM end the process with status 0, until somebody else handles it."""
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Not SystemExit: raised in the middle of an import it could be taken for the import's failure.
    os._exit(0)
