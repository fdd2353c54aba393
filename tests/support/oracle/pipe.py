"""Talks to the oracle process: one JSON command a line, one JSON report a line."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

Report = dict[str, Any]


class OraclePipe:
    """The oracle's replicas, by number. They know no network: messages are taken from reports and given back by step."""

    def __init__(self, executable: Path):
        self._process = subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "OraclePipe":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, verb: str, replica: int = 0, **arguments: object) -> Report:
        """Have one replica do something, and everything that follows from it; return what it did."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"Verb": verb, "Replica": replica, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"expected a report from the oracle, found its end: {self._process.wait()}"
        report: Report = json.loads(line)
        return report
