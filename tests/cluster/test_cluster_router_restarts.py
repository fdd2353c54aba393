"""A router that is restarted, or crashes, under load: its endpoint stays, and clients with the retries that SDKs come with see nothing."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psutil
import pytest

from deploy.local.found import left_after, processes_on
from deploy.local.topology import router_name
from tests.support.cluster import RunningCluster, eventually, make_table, running_cluster
from tests.support.restarts import Seen, clients_of

GLOBETABLE = Path(sys.executable).parent / "globetable"
TABLE = "restarts"
RESTARTS = 5
KILLS = 3
REGION = "us-east-1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("restarts"), nodes=1, partitions=1) as running:
        make_table(running.client(), TABLE)
        yield running


def sdk(cluster: RunningCluster) -> Callable[[], object]:
    """Make clients exactly as boto3 makes them when it is told nothing."""
    region = cluster.regions[0]
    key = cluster.spec.credentials[0]
    return lambda: boto3.client(
        "dynamodb",
        region_name=region.name,
        endpoint_url=f"http://{region.http}",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
    )


def parts(cluster: RunningCluster) -> dict[str, psutil.Process]:
    """Return what the router is made of: its parent, and those that serve by what they do."""
    parent, *serving = processes_on(cluster.local.folder)[router_name(REGION)]
    found = {"parent": parent.process}
    for each in serving:
        words = each.process.cmdline()
        found[words[words.index("--part") + 1]] = each.process
    return found


def more(seen: Seen, answers: int = 50) -> None:
    """Wait until clients have had further answers."""
    before = seen.answered
    eventually(lambda: seen.answered >= before + answers, "answers to clients")


def assert_unnoticed(seen: Seen) -> None:
    print(f"{seen.answered} answers, the slowest after {seen.slowest_seconds:.2f} s; {seen.connected} connections")
    assert seen.refused == []
    assert seen.errors == []
    assert seen.connected > 0


# A planned restart is what an operator does on a good day: nobody is to notice.
def test_restarts_under_load(cluster: RunningCluster) -> None:
    with clients_of(cluster.regions[0].http, sdk(cluster), TABLE) as seen:
        for _ in range(RESTARTS):
            more(seen)
            before = parts(cluster)
            command = [GLOBETABLE, "router", "restart", REGION, "--data", str(cluster.local.folder)]
            subprocess.run(command, check=True, capture_output=True)
            after = parts(cluster)
            assert after["parent"] == before["parent"]
            assert {after["http"], after["gateway"]} & {before["http"], before["gateway"]} == set()
        more(seen)
    assert_unnoticed(seen)


# A crash breaks what is in flight, which SDKs try again; whoever connects meanwhile waits, and is never refused.
def test_crashes_under_load(cluster: RunningCluster) -> None:
    with clients_of(cluster.regions[0].http, sdk(cluster), TABLE) as seen:
        for _ in range(KILLS):
            more(seen)
            killed = parts(cluster)["http"]
            killed.send_signal(signal.SIGKILL)
            eventually(lambda killed=killed: parts(cluster).get("http") not in (None, killed), "a new process")
        more(seen)
    assert_unnoticed(seen)


# The gateway is a process of its own: its end is nothing to clients, and it is back by itself.
def test_the_gateway_crashes_alone(cluster: RunningCluster) -> None:
    with clients_of(cluster.regions[0].http, sdk(cluster), TABLE) as seen:
        before = parts(cluster)
        before["gateway"].send_signal(signal.SIGKILL)
        eventually(lambda: parts(cluster).get("gateway") not in (None, before["gateway"]), "a new gateway")
        more(seen)
        assert parts(cluster)["http"] == before["http"]
    assert_unnoticed(seen)
    eventually(lambda: health(cluster, 1) == "ready", "the gateway serves")


# A router whose gateway is gone serves its clients and is deaf to other regions: status says which.
def test_status_tells_the_gateway_apart(cluster: RunningCluster) -> None:
    def gone() -> bool:
        if "gateway" in parts(cluster):
            parts(cluster)["gateway"].kill()
        return state(cluster)[1] != "ready"

    eventually(gone, "the gateway is gone")
    assert state(cluster)[0] == "ready"
    eventually(lambda: state(cluster) == ("ready", "ready"), "it is back")


def state(cluster: RunningCluster) -> tuple[str, str | None]:
    router = cluster.status().regions[0].router
    return router.state, router.gateway


# Health and metrics stay true of both: each process tells its own, the gateway at the port behind the router's.
def test_each_part_tells_of_itself(cluster: RunningCluster) -> None:
    eventually(lambda: health(cluster, 0) == health(cluster, 1) == "ready", "both serve")
    for part, role in enumerate(("router", "gateway")):
        info = next(line for line in told(cluster, part, "metrics").splitlines() if line.startswith("globetable_info{"))
        assert f'process="{REGION}-{role}"' in info
        assert f'role="{role}"' in info


def health(cluster: RunningCluster, part: int) -> str:
    try:
        return told(cluster, part, "health").strip()
    except OSError as error:
        return str(error)


def told(cluster: RunningCluster, part: int, what: str) -> str:
    host, _, port = cluster.local.processes.metrics(router_name(REGION)).rpartition(":")
    with urllib.request.urlopen(f"http://{host}:{int(port) + part}/{what}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


# Kill means kill: neither does a child of it serve on, nor is its port still held when it is started again.
def test_a_killed_router_is_gone_and_comes_back(cluster: RunningCluster) -> None:
    name = router_name(REGION)
    assert cluster.local.kill(name)
    assert name not in processes_on(cluster.local.folder)
    assert cluster.local.start(name)
    cluster.wait_ready()
    assert not cluster.local.start(name)


# Its children notice at once when only the parent dies, and let the port go; whoever starts it again need not wait for that.
def test_children_end_with_their_parent(cluster: RunningCluster) -> None:
    name = router_name(REGION)
    parts(cluster)["parent"].send_signal(signal.SIGKILL)
    eventually(lambda: name not in processes_on(cluster.local.folder), "the children to end")
    assert cluster.local.start(name)
    cluster.wait_ready()
    before = parts(cluster)
    before["http"].suspend()  # it will not notice
    before["parent"].send_signal(signal.SIGKILL)
    assert left_after([before["parent"]], 60) == []
    assert cluster.local.start(name)
    cluster.wait_ready()
    assert set(parts(cluster).values()) & set(before.values()) == set()


# The parent waits for years: it must stay small, and cost nothing.
def test_the_parent_is_small(cluster: RunningCluster) -> None:
    parent = parts(cluster)["parent"]
    memory = parent.memory_full_info().uss
    print(json.dumps({"parent_uss_bytes": memory}))
    assert memory < 16 << 20
    assert parent.num_threads() == 1
