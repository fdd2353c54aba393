"""Compose projects of tests: found by their name, removed whole, also those that a killed run has left."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
from testcontainers.core.docker_client import DockerClient

PROJECT_PREFIX = "globetable-test-"
AT_ONCE = 4


def remove_leftovers() -> None:
    """Remove the projects of test runs that were killed before they could do so."""
    networks = DockerClient().client.networks.list(filters={"label": "com.docker.compose.project"})
    projects = {network.attrs["Labels"]["com.docker.compose.project"] for network in networks}
    for project in projects:
        if project.startswith(PROJECT_PREFIX) and not psutil.pid_exists(int(project.removeprefix(PROJECT_PREFIX))):
            remove_project(project)


def remove_project(project: str) -> None:
    """Remove a project's containers, networks and volumes, whatever state they are in: quicker than compose, which asks all to stop."""
    engine = DockerClient().client
    mine = {"label": f"com.docker.compose.project={project}"}
    each_at_once(lambda container: container.remove(force=True, v=True), engine.containers.list(all=True, filters=mine))
    for network in engine.networks.list(filters=mine):
        network.remove()
    for volume in engine.volumes.list(filters=mine):
        volume.remove(force=True)


def each_at_once(act: Callable[[Any], Any], subjects: Iterable[Any]) -> list[Any]:
    """Do something to several subjects, a few at a time; return what came of it, in their order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, subjects))
