"""A Compose project as processes, against a `docker` that is a small program."""

from itertools import islice
from pathlib import Path

import pytest

from deploy.compose.engine import Engine
from deploy.compose.project import ComposeCluster
from deploy.targets.target import NobodyAwake, TargetError
from tests.support.docker_fake import PAIR, PROJECT, FakeDocker
from wire.cluster import ClusterFileError

NODE = "us-east-1-1"


@pytest.fixture
def docker(tmp_path: Path) -> FakeDocker:
    return FakeDocker(tmp_path)


@pytest.fixture
def cluster(docker: FakeDocker) -> ComposeCluster:
    return ComposeCluster.open(None, engine=docker.engine)


# Who has one project does not want to name it; with two, the wrong one would be broken.
def test_the_only_project_is_found(docker: FakeDocker) -> None:
    assert ComposeCluster.open(None, engine=docker.engine).place == PROJECT
    docker.add("other")
    with pytest.raises(TargetError, match="choose one of globetable, other with --project"):
        ComposeCluster.open(None, engine=docker.engine)
    assert ComposeCluster.open("other", engine=docker.engine).place == "other"


# Each of these is what a person meets first: nothing installed, nothing started, nothing there.
def test_what_is_missing_is_said(docker: FakeDocker, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is not installed"):
        ComposeCluster.open(None, engine=Engine((str(tmp_path / "nothing"),)))
    with pytest.raises(TargetError, match="no project 'nope'"):
        ComposeCluster.open("nope", engine=docker.engine)
    for name in ComposeCluster.open(None, engine=docker.engine).names():
        docker.put(name, "exited")
    with pytest.raises(TargetError, match="no container of project globetable runs"):
        ComposeCluster.open(None, engine=docker.engine)
    docker.set(silent=True)
    with pytest.raises(TargetError, match="the Docker engine does not answer"):
        ComposeCluster.open(None, engine=docker.engine)


# The cluster is what its processes read, not what a file beside the command line says.
def test_the_cluster_file_comes_out_of_a_container(docker: FakeDocker, cluster: ComposeCluster) -> None:
    assert cluster.spec == docker.spec
    docker.set(cluster_file="cluster_id = ")
    with pytest.raises(ClusterFileError, match=r"/etc/globetable/cluster\.toml"):
        ComposeCluster.open(None, engine=docker.engine)


# Words and states are those of local processes.
def test_states_of_containers(docker: FakeDocker, cluster: ComposeCluster) -> None:
    docker.put("us-east-1-2", "paused")
    docker.put("eu-west-1-1", "exited")
    docker.put("eu-west-1-2", "restarting")
    docker.remove(["eu-west-1-router"])
    views = cluster.views()
    assert list(views) == cluster.names()
    assert [view.condition for view in views.values()] == [
        "running",
        "paused",
        "stopped",
        "starting",
        "running",
        "stopped",
    ]
    assert views[NODE].pid == 4000
    assert (views[NODE].age_seconds or 0) > 10_000_000
    assert views["eu-west-1-1"].pid is None


# An endpoint is where a client on this machine reaches it; one that is not published is none.
def test_endpoints_are_published_ports(docker: FakeDocker, cluster: ComposeCluster) -> None:
    assert cluster.endpoint("eu-west-1") == "127.0.0.1:8002"
    docker.remove(["eu-west-1-router"])
    cluster.views()
    assert cluster.endpoint("eu-west-1") == ""


# What is done twice is refused or done the same way as with local processes.
def test_faults_on_a_node(docker: FakeDocker, cluster: ComposeCluster) -> None:
    assert cluster.pause(NODE)
    assert cluster.pause(NODE)
    assert not cluster.start(NODE)
    assert cluster.resume(NODE)
    assert cluster.resume(NODE)
    assert cluster.kill(NODE)
    assert not cluster.kill(NODE)
    assert not cluster.stop(NODE)
    assert not cluster.pause(NODE)
    assert not cluster.resume(NODE)
    assert cluster.start(NODE)
    assert cluster.stop(NODE)
    assert cluster.views()[NODE].condition == "stopped"


# SIGTERM reaches no frozen process, and one that is killed need not be thawed first.
def test_frozen_containers_are_stopped_and_killed(docker: FakeDocker, cluster: ComposeCluster) -> None:
    cluster.pause(NODE)
    assert cluster.stop(NODE)
    docker.put(NODE, "paused")
    assert cluster.kill(NODE)
    assert [words[0] for words in docker.asked if words[0] not in ("ps", "inspect", "cp")] == [
        "pause",
        "unpause",
        "stop",
        "kill",
    ]


# A name that is no process, and a process whose container was removed.
def test_unknown_containers_are_refused(docker: FakeDocker, cluster: ComposeCluster) -> None:
    with pytest.raises(TargetError, match="no process 'nobody'; this cluster has us-east-1-1, "):
        cluster.kill("nobody")
    docker.remove([NODE])
    cluster.views()
    with pytest.raises(TargetError, match="us-east-1-1 has no container"):
        cluster.start(NODE)


# The cable between two regions carries both directions, and nothing else is taken away.
def test_a_cable_is_cut_and_mended(docker: FakeDocker, cluster: ComposeCluster) -> None:
    pair = f"{PROJECT}_{PAIR}"
    cluster.cut_cable("eu-west-1", "us-east-1")
    assert set(docker.networks_of("eu-west-1-router")) == {f"{PROJECT}_eu-west-1"}
    assert pair in docker.networks_of(NODE)
    cluster.mend_cable("us-east-1", "eu-west-1")
    assert docker.networks_of("eu-west-1-router")[pair] == {"Aliases": ["eu-west-1-router"]}
    before = len(docker.asked)
    cluster.mend_cable("us-east-1", "eu-west-1")
    assert all(words[:2] != ["network", "connect"] for words in docker.asked[before:])


# A project without a network of its own for the pair: cutting what it has would cut more than was asked.
def test_a_cable_that_is_not_there(docker: FakeDocker, cluster: ComposeCluster) -> None:
    docker.set(networks=["default"])
    with pytest.raises(TargetError, match="no network us-east-1_eu-west-1 that could be cut; it has default"):
        cluster.cut_cable("us-east-1", "eu-west-1")


# Programs run where they can: beside the router, else beside a node; never in a container that is frozen.
def test_what_runs_inside(docker: FakeDocker, cluster: ComposeCluster) -> None:
    docker.set(exec="said")
    docker.put("us-east-1-router", "exited")
    docker.put(NODE, "paused")
    cluster.views()
    assert cluster.run("us-east-1", ["-m", "something"]) == b"said"
    assert docker.asked[-1] == ["exec", "globetable-us-east-1-2-id", "python3", "-m", "something"]
    docker.put("us-east-1-2", "exited")
    with pytest.raises(NobodyAwake, match="globetable router start us-east-1 --target compose --project globetable"):
        cluster.run("us-east-1", [])


# A container may end between being seen and being asked; a program that fails is another matter.
def test_a_container_ends_while_it_is_asked(docker: FakeDocker, cluster: ComposeCluster) -> None:
    docker.set(exec="said")
    docker.put("us-east-1-router", "exited")
    assert cluster.run("us-east-1", []) == b"said"
    docker.set(exec=None)
    with pytest.raises(TargetError, match=r"docker exec: No module named deploy\.cli\.relay"):
        cluster.run("eu-west-1", [])


# As many lines as asked for, of each, in order, without the engine's times.
def test_logs(cluster: ComposeCluster) -> None:
    assert list(cluster.logged([NODE, "us-east-1-2"], 2, follow=False)) == [
        (NODE, b"us-east-1-1 line 3"),
        (NODE, b"us-east-1-1 line 4"),
        ("us-east-1-2", b"us-east-1-2 line 3"),
        ("us-east-1-2", b"us-east-1-2 line 4"),
    ]
    assert list(cluster.logged([NODE], 0, follow=False)) == []


# A follower that ends, as with its container, is begun again behind the last line: none is lost, none is shown twice.
def test_logs_are_followed_over_a_restart(docker: FakeDocker, cluster: ComposeCluster) -> None:
    followed = cluster.logged([NODE], 1, follow=True)
    assert next(followed) == (NODE, b"us-east-1-1 line 4")
    docker.log(NODE, "2026-01-01T00:00:07Z after the restart", "2026-01-01T00:00:08Z and on")
    assert [line for _, line in islice(followed, 2)] == [b"after the restart", b"and on"]
    followed.close()  # type: ignore[attr-defined]


# The router in its container is told to replace its processes. The engine is not: it would take that for a stop, and leave a crash at that.
def test_a_router_is_restarted_inside_its_container(docker: FakeDocker, cluster: ComposeCluster) -> None:
    assert cluster.restart_router("us-east-1")
    told = [words for words in docker.asked if words[0] not in ("ps", "inspect", "cp")]
    assert [words[0] for words in told] == ["exec"]
    assert "SIGUSR1" in told[0][-1]
    docker.put("us-east-1-router", "exited")
    assert not cluster.restart_router("us-east-1")
