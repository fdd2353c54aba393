"""Loads on regions of containers, and the verdict on their recorded histories."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from botocore.exceptions import BotoCoreError

from deploy.chaos.checkers import longest_outage, lost_puts, stale_reads, wrong_counters
from deploy.chaos.history import Ended, Observation
from deploy.chaos.workload import Workload
from tests.support.container_cluster import ContainerCluster, Record

WORKERS = 2
PROGRESS_SECONDS = 240.0

Records = dict[tuple[bytes, bytes], Record]


@contextmanager
def loads(
    cluster: ContainerCluster, table: str, make_client: Callable[[int], Any] | None = None
) -> Iterator[list[Workload]]:
    """Run a load on each region, with items of its own; a client that does not retry sees every outcome as it is."""
    make = make_client or (lambda region: cluster.client(region, retries=False))
    running = [
        Workload(lambda region=region: make(region), table, workers=WORKERS, name=f"load{region}-")
        for region in range(len(cluster.regions))
    ]
    try:
        for each in running:
            each.__enter__()
        progress(running, 30)
        yield running
    finally:
        for each in running:
            each.stop()


def progress(running: Sequence[Workload], writes: int) -> None:
    """Wait until each of these loads has had that many further writes acknowledged."""
    for each in running:
        each.wait_for(writes, timeout_seconds=PROGRESS_SECONDS)


def judged(cluster: ContainerCluster, table: str, histories: Sequence[Sequence[Observation]]) -> Records:
    """Require that all regions come to hold the same, and in it everything that was acknowledged, once; return it."""
    records = cluster.converged(table)
    read = _reader(records)
    for history in histories:
        assert sum(each.outcome is Ended.OK for each in history) > 50, (
            "hardly anything was acknowledged: proves nothing"
        )
        assert lost_puts(history, read) == []
        assert wrong_counters(history, read) == []
        assert stale_reads(history) == []
    return records


def histories_of(running: Sequence[Workload]) -> list[Sequence[Observation]]:
    """Return what the loads saw."""
    return [each.history.all() for each in running]


def require_outages_below(seconds: float, histories: Sequence[Sequence[Observation]]) -> None:
    """Require that nobody went without an answer for longer."""
    outages = [longest_outage(history) for history in histories]
    print("longest outages: " + ", ".join(f"{outage:.2f} s" for outage in outages))
    assert max(outages) < seconds, f"outages of {outages} s, expected less than {seconds} s"


class FailoverClient:
    """A client that goes to another region for good when its own has nobody who answers, as an application would."""

    def __init__(self, cluster: ContainerCluster, first: int, second: int) -> None:
        self._client = cluster.client(first, retries=False)
        self._second = cluster.client(second, retries=False)

    def put_item(self, **arguments: Any) -> Any:
        return self._call("put_item", arguments)

    def update_item(self, **arguments: Any) -> Any:
        return self._call("update_item", arguments)

    def get_item(self, **arguments: Any) -> Any:
        return self._call("get_item", arguments)

    def _call(self, operation: str, arguments: dict[str, Any]) -> Any:
        try:
            return getattr(self._client, operation)(**arguments)
        except BotoCoreError:
            self._client = self._second
            raise


def _reader(records: Records) -> Callable[[str], dict[str, dict[str, str]] | None]:
    def read(key: str) -> dict[str, dict[str, str]] | None:
        record = records.get((key.encode(), b""))
        return None if record is None or record[2] else orjson.loads(record[3])

    return read
