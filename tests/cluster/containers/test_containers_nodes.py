"""Nodes and routers in containers that die, freeze and are restarted while all regions are written to."""

import time

import botocore.session

from deploy.chaos.history import Ended, Observation
from tests.support.container_cluster import ContainerCluster
from tests.support.container_histories import histories_of, judged, loads, progress, require_outages_below

PARTITION = 1
KILLED_SECONDS_MAX = 20.0
# A frozen process keeps its connections: whoever waits for it does so until a keep-alive or the request's deadline ends it.
FROZEN_SECONDS_MAX = 30.0


# Whoever leads a partition is killed as by the kernel: another one takes over with all that was acknowledged.
def test_leader_killed(cluster: ContainerCluster, table: str) -> None:
    with loads(cluster, table) as running:
        leader = cluster.leader(PARTITION)
        cluster.kill(leader)
        progress(running, 60)
        cluster.start(leader)
        cluster.wait_ready()
        progress(running, 20)
    judged(cluster, table, histories_of(running))
    require_outages_below(KILLED_SECONDS_MAX, histories_of(running))


# A leader that freezes, and wakes up deposed, holds its clients up for a while and answers nothing from its past.
def test_leader_paused(cluster: ContainerCluster, table: str) -> None:
    with loads(cluster, table) as running:
        leader = cluster.leader(PARTITION)
        cluster.pause(leader)
        progress(running, 60)
        cluster.resume(leader)
        cluster.wait_ready()
        progress(running, 20)
    judged(cluster, table, histories_of(running))
    require_outages_below(FROZEN_SECONDS_MAX, histories_of(running))


# Two nodes that die at once may come back under each other's addresses, as the engine gives the first one the lowest that is free:
# whoever knew them by name must not go on with the wrong one.
def test_nodes_come_back_under_each_others_addresses(cluster: ContainerCluster, table: str) -> None:
    network = cluster.regions[0].name
    with loads(cluster, table) as running:
        nodes = sorted(cluster.nodes(0)[:2], key=lambda node: cluster.address(node, network), reverse=True)
        before = [cluster.address(node, network) for node in nodes]
        cluster.kill(*nodes)
        for node in nodes:
            cluster.start(node)
        cluster.wait_ready()
        progress(running, 40)
        print(f"{before} became {[cluster.address(node, network) for node in nodes]}")
        for node in cluster.nodes(0):
            cluster.wait_healthy(node)
    judged(cluster, table, histories_of(running))
    require_outages_below(FROZEN_SECONDS_MAX, histories_of(running))


# An upgrade: every container is stopped and started in turn, of each region one node at a time. Each hands over what it leads and ends
# with 0, and an application with an SDK as it comes sees no error at all but of its own region's only router while that is away: such
# an SDK tries again for a fraction of a second, and no router starts in that.
def test_rolling_restart(cluster: ContainerCluster, table: str) -> None:
    regions = range(len(cluster.regions))
    away: dict[int, tuple[float, float]] = {}
    with loads(cluster, table, lambda region: sdk_client(cluster, region)) as running:
        for nodes in zip(*(cluster.nodes(region) for region in regions), strict=True):
            restart(cluster, *nodes)
        for region in regions:
            began = time.monotonic()
            restart(cluster, cluster.router(region))
            away[region] = began, time.monotonic()
        progress(running, 50)
    histories = histories_of(running)
    for region, history in enumerate(histories):
        failed = [each for each in history if each.outcome is Ended.UNKNOWN]
        print(f"{cluster.regions[region].name}: {len(failed)} of {len(history)} failed for want of a router")
        assert [each for each in failed if not away[region][0] <= each.ended <= away[region][1]] == []
    judged(cluster, table, [[seen_through_retries(each) for each in history] for history in histories])


def restart(cluster: ContainerCluster, *services: str) -> None:
    """Stop containers as `docker stop` does, require that they end well, and start them again."""
    assert cluster.stop(*services) == dict.fromkeys(services, 0), cluster.last_words()
    cluster.start(*services)
    cluster.wait_ready()


def sdk_client(cluster: ContainerCluster, region: int) -> object:
    """Return a client with the SDK's own timeouts and retries."""
    credential = cluster.spec.credentials[0]
    return botocore.session.get_session().create_client(
        "dynamodb",
        region_name=cluster.regions[region].name,
        endpoint_url=f"http://{cluster.regions[region].http}",
        aws_access_key_id=credential.access_key_id,
        aws_secret_access_key=credential.secret_access_key,
    )


def seen_through_retries(observation: Observation) -> Observation:
    """Return what is known after the SDK may have sent it twice: a condition that failed may have failed on its own first attempt."""
    is_refused = observation.outcome is Ended.REFUSED
    return observation._replace(outcome=Ended.UNKNOWN) if is_refused else observation
