"""What is in the image, and what its containers may do, as the engine and the processes themselves see it."""

import json
from typing import Any

from tests.support.cluster import eventually
from tests.support.container_cluster import ContainerCluster

OVER_BASE_BYTES_MAX = 200 * 10**6
USER = 10001
# What builds or installs: nothing of it is of use to who breaks in, as it is not there.
TOOLS = ["cc", "gcc", "g++", "clang", "ld", "as", "make", "cmake", "pip", "pip3", "uv", "git", "curl", "wget"]
LOOK = """
import errno, importlib.util, json, os, shutil, sys

def refusal(path):
    try:
        open(os.path.join(path, "written"), "w").close()
    except OSError as error:
        return errno.errorcode[error.errno]
    os.remove(os.path.join(path, "written"))

status = dict(line.rstrip().split(":\\t", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "user": os.getuid(), "group": os.getgid(), "capabilities": int(status["CapEff"], 16), "no_new": status["NoNewPrivs"],
    "tools": [tool for tool in sys.argv[1:] if shutil.which(tool)],
    "modules": [name for name in ("pip", "setuptools", "ensurepip", "pytest", "mypy") if importlib.util.find_spec(name)],
    "written": {path: refusal(path) for path in ("/", "/opt/globetable", "/etc", "/etc/globetable", "/var/lib/globetable", "/tmp")},
}))
"""


def seen_inside(cluster: ContainerCluster, service: str) -> dict[str, Any]:
    """Return what a process beside a container's own sees."""
    status, output = cluster.container(service).exec_run(["python3", "-c", LOOK, *TOOLS])
    assert status == 0, output
    seen: dict[str, Any] = json.loads(output)
    return seen


# An image is pulled by every machine and every test run: what it weighs, everybody waits for.
def test_the_image_is_small(cluster: ContainerCluster) -> None:
    image = cluster.engine.images.get(cluster.image)
    base = cluster.engine.images.get(image.labels["org.opencontainers.image.base.name"])
    assert 0 < image.attrs["Size"] - base.attrs["Size"] < OVER_BASE_BYTES_MAX
    assert image.attrs["RootFS"]["Layers"][: len(base.attrs["RootFS"]["Layers"])] == base.attrs["RootFS"]["Layers"]


# Whoever gets into a process finds no rights, no tools, and one place to write to.
def test_a_process_can_do_what_it_needs(cluster: ContainerCluster) -> None:
    read_only = dict.fromkeys(("/", "/opt/globetable", "/etc", "/etc/globetable"), "EROFS")
    expected = {"user": USER, "group": USER, "capabilities": 0, "no_new": "1", "tools": [], "modules": []}
    node = seen_inside(cluster, cluster.nodes(0)[0])
    assert node == expected | {"written": read_only | {"/var/lib/globetable": None, "/tmp": None}}
    router = seen_inside(cluster, cluster.router(0))
    assert router == expected | {"written": read_only | {"/var/lib/globetable": "EROFS", "/tmp": None}}


# Whether a container is well is the process's own answer: the check fails where nobody answers, and sees one that is not ready.
def test_health_is_the_processs_own_answer(cluster: ContainerCluster) -> None:
    cluster.wait_ready()
    for service in cluster.everybody():
        cluster.wait_healthy(service)
    first, second, third = cluster.nodes(0)
    container = cluster.container(third)
    check = container.attrs["Config"]["Healthcheck"]["Test"][1:]

    def complaint() -> bytes:
        status, output = container.exec_run(check)
        return bytes(output) if status else b""

    assert complaint() == b""
    cluster.kill(first, second)
    eventually(lambda: b"catching up: partitions 0, 1, 2" in complaint(), f"{third} misses its leaders")
    cluster.start(first, second)
    cluster.wait_healthy(third)
    cluster.wait_ready()
