"""What the scripts for containers say where something is missing or in the way: one line, with what to do."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.docker_answers import Machine

BUILD, BASE, UP = "scripts/build_image.sh", "scripts/make_base_image.sh", "scripts/compose_up.sh"
NO_DOCKER = (
    "docker is not installed; see https://docs.docker.com/engine/install/, or on Debian: apt-get install docker.io"
)
SILENT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
PROJECT = "globetable"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with an engine that is well and has our image."""
    made = Machine(tmp_path)
    made.install_docker()
    made.answer("image inspect globetable:latest", "[]")
    return made


def refusal(machine: Machine, script: str, **environment: str) -> str:
    """Return the one line with which a script refuses."""
    done = machine.run(script, **environment)
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line.removeprefix("globetable: ")


# Who has no engine is told where it comes from, whichever script comes first; the tests say that they are not run, and why.
@pytest.mark.parametrize("script", [BUILD, BASE, UP])
def test_without_docker(tmp_path: Path, script: str) -> None:
    assert refusal(Machine(tmp_path), script) == NO_DOCKER


# An engine that is installed and not started, or not ours to use, is another matter.
@pytest.mark.parametrize("script", [BUILD, BASE, UP])
def test_an_engine_that_does_not_answer(machine: Machine, script: str) -> None:
    machine.answer("info --format {{.ServerVersion}}", SILENT, status=1)
    assert refusal(machine, script).endswith("start it, or run this as a user who may use it")


# An engine alone starts containers one by one, not regions.
def test_without_compose(machine: Machine) -> None:
    machine.answer("compose version", "docker: 'compose' is not a docker command.", status=1)
    assert refusal(machine, UP).endswith("on Debian: apt-get install docker-compose")


# Compose would try to pull it, for minutes, and then name a registry.
def test_without_the_image(machine: Machine) -> None:
    machine.answer("image inspect globetable:latest", "", status=1)
    assert refusal(machine, UP) == "the image globetable:latest is not here; build it: scripts/build_image.sh"


# Twelve processes on a small machine are ended by its kernel one after the other, and nobody says why.
def test_too_little_memory(machine: Machine) -> None:
    machine.answer("info --format {{.MemTotal}}", str(2 * 10**9))
    assert refusal(machine, UP).startswith("the Docker engine has 2000 MB of memory, three regions need 3 GB")


# Nine of twelve containers would run by the time that the engine notices.
def test_a_port_in_use(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with free_ports() as free:
            line = refusal(machine, UP, **{**free, "GLOBETABLE_PORT_EU_WEST_1": port})
    assert line == (f"port {port} is in use: end what uses it, or set GLOBETABLE_PORT_EU_WEST_1 in deploy/docker/.env")


# Nodes refuse data of another cluster one by one, for ever; that these are such is known before.
def test_volumes_of_an_earlier_cluster(machine: Machine) -> None:
    machine.answer("volume ls", f"{PROJECT}_eu-west-1-1\n{PROJECT}_eu-west-1-2")
    with free_ports() as free:
        line = refusal(machine, UP, **free)
    assert line == (
        f"volume {PROJECT}_eu-west-1-1 is of an earlier cluster; "
        "remove its data: docker compose -f deploy/docker/compose.yaml down --volumes"
    )


# What compose says is about compose; what a container said last is about what is wrong.
def test_the_last_words_of_a_container_that_does_not_start(machine: Machine) -> None:
    machine.answer("compose -f", "Container us-east-1-1 exited (2)", status=1)
    machine.answer("ps --all", "us-east-1-1 Exited (2) 3 seconds ago")
    machine.answer("logs", "us-east-1-1: the data are of another cluster")
    with free_ports() as free:
        done = machine.run(UP, **free)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "globetable: not started: us-east-1-1: us-east-1-1: the data are of another cluster"
    )


# A check that passes because it did not run would be worse than none: it says so, last, with the reason.
@pytest.mark.parametrize("missing", ["docker", "engine", "compose"])
def test_container_tests_that_cannot_run_are_told(tmp_path: Path, missing: str) -> None:
    machine = Machine(tmp_path)
    if missing != "docker":
        machine.install_docker()
    if missing == "engine":
        machine.answer("info --format {{.ServerVersion}}", SILENT, status=1)
    if missing == "compose":
        machine.answer("compose version", "", status=1)
    done = machine.run(sys.executable, "-m", "scripts.check", "containers")
    reason, verdict = done.stdout.splitlines()
    assert reason.startswith("== containers: NOT RUN: ")
    assert missing in reason
    assert "Debian: apt-get install" in reason or "start it" in reason
    assert verdict == "all checks passed but for those NOT RUN: containers"


@contextmanager
def free_ports() -> Iterator[dict[str, str]]:
    """Hold a port at which nobody listens, so that no other test does meanwhile; return it for all regions, as variables."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
        yield {f"GLOBETABLE_PORT_{region}": port for region in ("US_EAST_1", "EU_WEST_1", "AP_NORTHEAST_1")}
