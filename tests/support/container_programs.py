"""Programs of tests that run in containers of their own beside a cluster and are asked line by line, over standard input and output."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker.models.containers import Container

CLUSTER_VOLUME_AT = "/etc/globetable"


class Program:
    """A program in a container that answers requests."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._process = subprocess.Popen(
            ["docker", "start", "--attach", "--interactive", container.id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, what: str, **arguments: Any) -> Any:
        """Return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"ask": what, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{self._container.name} ended: {self._container.logs().decode()[-2_000:]}"
        return json.loads(answer)

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._container.remove(force=True)


@contextmanager
def observer(engine: Any, project: str, image: str, regions: Iterable[str]) -> Iterator[Program]:
    """Run what answers from the networks of all regions what only processes inside can see."""
    first, *others = (f"{project}_{region}" for region in regions)
    container = _created(
        engine,
        project,
        image,
        "observer",
        network=first,
        volumes={f"{project}_config": {"bind": CLUSTER_VOLUME_AT, "mode": "ro"}},
    )
    for network in others:
        engine.networks.get(network).connect(container)
    with _running(container) as program:
        yield program


@contextmanager
def killer(engine: Any, project: str, image: str) -> Iterator[Program]:
    """Run what sends signals to processes as their kernel knows them, so that nobody asked the engine for it."""
    with _running(
        _created(engine, project, image, "killer", network_mode="none", pid_mode="host", user="0")
    ) as program:
        yield program


def _created(engine: Any, project: str, image: str, name: str, **options: Any) -> Container:
    source = (Path(__file__).parent / f"container_{name}.py").read_text()
    return engine.containers.create(
        image,
        ["python3", "-c", source],
        name=f"{project}-{name}",
        labels={"com.docker.compose.project": project},
        stdin_open=True,
        healthcheck={"test": ["NONE"]},
        **options,
    )


@contextmanager
def _running(container: Container) -> Iterator[Program]:
    program = Program(container)
    try:
        yield program
    finally:
        program.close()
