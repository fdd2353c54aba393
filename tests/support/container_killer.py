"""Sends signals to processes of the engine's machine: runs in a container that sees them all, asked line by line.

A request is {"ask": "kill", "pid": ..., "signals": [...], "pause_ms": ...}: the signals go out one after the other with that pause between
two; the answer is how many found the process. What dies so has not been stopped as far as the engine knows.
"""

import json
import os
import sys
import time


def sent(pid: int, signals: list[int], pause_ms: int) -> int:
    """Send signals until the process is gone; return how many found it."""
    for number, each in enumerate(signals):
        if number:
            time.sleep(pause_ms / 1000)  # what is in between is what the test is about
        try:
            os.kill(pid, each)
        except ProcessLookupError:
            return number
    return len(signals)


def main() -> None:
    """Answer until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(sent(request["pid"], request["signals"], request["pause_ms"])), flush=True)


if __name__ == "__main__":
    main()
