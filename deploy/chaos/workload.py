"""A running load: every worker writes unique items and increments counters of its own under a condition, and reads them back.

Each worker owns its counters, so it knows what the next value must be, and a strong read may never show less than what was
acknowledged before the read began.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy.chaos.history import Ended, History, Observation

COUNTERS_PER_WORKER = 4
PAUSE_SECONDS = 0.002  # between operations of a worker: a load, not a benchmark


class Workload:
    """Threads that put, increment and read until told to stop. `client` is made anew in each thread."""

    def __init__(self, make_client: Callable[[], Any], table: str, *, workers: int = 8, name: str = "w") -> None:
        self.history = History()
        self._make_client = make_client
        self._table = table
        self._name = name
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), name=f"{name}-{n}") for n in range(workers)]
        self.crashes: list[BaseException] = []

    def __enter__(self) -> "Workload":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all workers after their present operation; raise what a worker died of."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self.crashes:
            raise self.crashes[0]

    def acknowledged(self) -> int:
        """Return how many writes were acknowledged so far."""
        return self.history.count("put", Ended.OK) + self.history.count("add", Ended.OK)

    def wait_for(self, writes: int, timeout_seconds: float = 60) -> None:
        """Wait until that many further writes are acknowledged. Raises TimeoutError."""
        goal = self.acknowledged() + writes
        deadline = time.monotonic() + timeout_seconds
        while self.acknowledged() < goal:
            if time.monotonic() > deadline or self.crashes:
                raise TimeoutError(f"only {self.acknowledged()} of {goal} writes acknowledged in {timeout_seconds} s")
            self._stopping.wait(0.05)

    def _run(self, worker: int) -> None:
        try:
            _Worker(self._make_client(), self._table, f"{self._name}{worker}", worker, self.history).run(self._stopping)
        except BaseException as error:  # noqa: BLE001 - the owner of the thread raises it in `stop`
            self.crashes.append(error)


class _Worker:
    def __init__(self, client: Any, table: str, name: str, number: int, history: History) -> None:
        self._client = client
        self._table = table
        self._name = name
        self._number = number
        self._history = history
        self._values = [0] * COUNTERS_PER_WORKER  # what each counter is known to hold

    def run(self, stopping: threading.Event) -> None:
        """Put, increment, read, in turn."""
        step = 0
        while not stopping.wait(PAUSE_SECONDS):
            self._put(f"{self._name}-unique-{step}")
            counter = step % COUNTERS_PER_WORKER
            self._increment(counter)
            self._read(counter)
            step += 1

    def _put(self, key: str) -> None:
        item = {"pk": {"S": key}, "v": {"S": f"value of {key}"}}
        self._observe("put", key, key, lambda: self._client.put_item(TableName=self._table, Item=item))

    def _increment(self, counter: int) -> None:
        key = self._counter_key(counter)
        before = self._values[counter]
        values = {":new": {"N": str(before + 1)}, ":old": {"N": str(before)}}
        condition = "n = :old" if before else "attribute_not_exists(n)"
        if not before:
            del values[":old"]

        def update() -> None:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression="SET n = :new",
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )

        outcome = self._observe("add", key, before + 1, update)
        if outcome is Ended.OK:
            self._values[counter] = before + 1

    def _read(self, counter: int) -> None:
        key = self._counter_key(counter)
        seen: list[int] = []

        def read() -> int:
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
            seen.append(int(answer.get("Item", {}).get("n", {}).get("N", "0")))
            return seen[0]

        # A write of unknown outcome may have happened: the read tells, and the next condition builds on it.
        if self._observe("read", key, read, read) is Ended.OK:
            self._values[counter] = max(self._values[counter], seen[0])

    def _counter_key(self, counter: int) -> str:
        return f"{self._name}-counter-{counter}"

    def _observe(self, action: str, key: str, value: Any, operation: Callable[[], Any]) -> Ended:
        began = time.monotonic()
        outcome, error, result = Ended.OK, "", None
        try:
            result = operation()
        except ClientError as failure:
            error = str(failure)
            refused = failure.response["Error"]["Code"] == "ConditionalCheckFailedException"
            outcome = Ended.REFUSED if refused else Ended.UNKNOWN
        except BotoCoreError as failure:
            outcome, error = Ended.UNKNOWN, str(failure)
        shown = result if action == "read" else value
        self._history.add(Observation(self._number, action, key, shown, began, time.monotonic(), outcome, error))
        return outcome
