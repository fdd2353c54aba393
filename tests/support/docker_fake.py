"""A `docker` for tests: an executable that answers as the engine's command line does, from a file with containers and networks.

It knows the words that `deploy.compose` uses and refuses others, in docker's own terms; what it was asked is kept.
"""

import json
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.compose.engine import Engine
from deploy.local.topology import Layout, composed_cluster, router_name
from wire.cluster import dump_cluster

PROJECT = "globetable"
PAIR = "us-east-1_eu-west-1"

_PROGRAM = """#!{python} -SE
import io, json, os, sys, tarfile

PATH = {state!r}
with open(PATH) as file:
    state = json.load(file)
words = sys.argv[1:]
with open(PATH + ".asked", "a") as file:
    file.write(json.dumps(words) + "\\n")
containers = state["containers"]


def refuse(text):
    sys.stderr.write("Error response from daemon: " + text + "\\n")
    sys.exit(1)


def save():
    with open(PATH + ".new", "w") as file:
        json.dump(state, file)
    os.replace(PATH + ".new", PATH)


def one(name):
    found = next((each for each in containers if each["Id"] == name), None)
    return found or refuse("No such container: " + name)


def change(name, when, to, pid):
    found = one(name)["State"]
    if found["Status"] not in when:
        refuse("Container " + name + " is " + found["Status"])
    found.update(Status=to, Pid=pid)
    save()


if state["silent"]:
    sys.stderr.write("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\\n")
    sys.exit(1)
verb = words[0]
if verb == "ps":
    wanted = [word[6:].partition("=") for word in words if word.startswith("label=")]
    for each in containers:
        labels = each["Config"]["Labels"]
        if all(key in labels and (not equals or labels[key] == value) for key, equals, value in wanted):
            print(each["Id"])
elif verb == "inspect":
    print(json.dumps([one(name) for name in words[3:]]))
elif verb == "start":
    change(words[1], ("created", "exited"), "running", 4001)
elif verb == "stop":
    change(words[1], ("running",), "exited", 0)
elif verb == "kill":
    change(words[1], ("running", "paused", "restarting"), "exited", 0)
elif verb == "pause":
    change(words[1], ("running",), "paused", 4000)
elif verb == "unpause":
    change(words[1], ("paused",), "running", 4000)
elif verb == "cp":
    one(words[1].partition(":")[0])
    content = state["cluster_file"].encode()
    entry = tarfile.TarInfo("cluster.toml")
    entry.size = len(content)
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        archive.addfile(entry, io.BytesIO(content))
elif verb == "exec":
    if one(words[1])["State"]["Status"] != "running":
        refuse("Container " + words[1] + " is not running")
    if state["exec"] is None:
        sys.exit("No module named deploy.cli.relay")
    print(state["exec"], end="")
elif verb == "logs":
    lines = one(words[-1])["Lines"]
    count = int(words[words.index("--tail") + 1]) if "--tail" in words else len(lines)
    since = words[words.index("--since") + 1] if "--since" in words else ""
    for line in lines[-count:]:
        if line >= since:
            print(line)
elif words[:2] == ["network", "ls"]:
    for name in state["networks"]:
        print(name, state["project"] + "_" + name)
elif words[:2] == ["network", "disconnect"]:
    one(words[-1])["NetworkSettings"]["Networks"].pop(words[-2])
    save()
elif words[:2] == ["network", "connect"]:
    one(words[-1])["NetworkSettings"]["Networks"][words[-2]] = {{"Aliases": [words[3]]}}
    save()
else:
    refuse("unknown command: " + " ".join(words))
save()
"""


class FakeDocker:
    """An engine with one project: two regions of two nodes and a router each, all running."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "docker"
        self._state = folder / "docker.json"
        layout = Layout(regions=("us-east-1", "eu-west-1"), nodes_per_region=2)
        self.spec = composed_cluster("c", layout, [8001, 8002], iter(range(7001, 7020)))
        self.program.write_text(_PROGRAM.format(python=sys.executable, state=str(self._state)))
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        self._write(
            {
                "project": PROJECT,
                "silent": False,
                "exec": "{}",
                "cluster_file": dump_cluster(self.spec),
                "networks": ["us-east-1", "eu-west-1", PAIR],
                "containers": [],
            }
        )
        self.add(PROJECT)

    @property
    def engine(self) -> Engine:
        """Return an engine that asks this program."""
        return Engine((str(self.program),))

    @property
    def asked(self) -> list[list[str]]:
        """Return the command lines that were given, first first."""
        return [json.loads(line) for line in Path(f"{self._state}.asked").read_text().splitlines()]

    def add(self, project: str) -> None:
        """Add the containers of a project."""
        state = self._read()
        for number, region in enumerate(self.spec.regions, start=1):
            for node in region.nodes:
                state["containers"].append(_container(project, node.id, region.name, {}))
            ports = {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": f"800{number}"}], "9100/tcp": None}
            state["containers"].append(_container(project, router_name(region.name), region.name, ports))
        self._write(state)

    def set(self, **values: Any) -> None:
        """Change what the engine is: `silent`, `exec` (what a program in a container prints), `cluster_file`, `networks`."""
        self._write({**self._read(), **values})

    def put(self, name: str, status: str) -> None:
        """Put a container into a state behind everybody's back."""
        state = self._read()
        for each in state["containers"]:
            if each["Config"]["Labels"]["com.docker.compose.service"] == name:
                each["State"].update(Status=status, Pid=4000 if status in ("running", "paused") else 0)
        self._write(state)

    def remove(self, names: Iterable[str]) -> None:
        """Remove the containers of some services."""
        state, gone = self._read(), set(names)
        state["containers"] = [
            each for each in state["containers"] if each["Config"]["Labels"]["com.docker.compose.service"] not in gone
        ]
        self._write(state)

    def log(self, name: str, *lines: str) -> None:
        """Let a container log lines, each with its time before it."""
        state = self._read()
        for each in state["containers"]:
            if each["Config"]["Labels"]["com.docker.compose.service"] == name:
                each["Lines"] += lines
        self._write(state)

    def networks_of(self, name: str) -> dict[str, Any]:
        """Return the networks that a container is in."""
        networks: dict[str, Any] = next(
            each["NetworkSettings"]["Networks"]
            for each in self._read()["containers"]
            if each["Config"]["Labels"]["com.docker.compose.service"] == name
        )
        return networks

    def _read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state

    def _write(self, state: dict[str, Any]) -> None:
        fresh = self._state.with_suffix(".fresh")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._state)


def _container(project: str, service: str, region: str, ports: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": f"{project}-{service}-id",
        "State": {"Status": "running", "Pid": 4000, "StartedAt": "2020-01-02T03:04:05.123456789Z"},
        "Config": {
            "Labels": {
                "com.docker.compose.project": project,
                "com.docker.compose.service": service,
                "org.opencontainers.image.title": "Globetable",
            }
        },
        "NetworkSettings": {
            "Ports": ports,
            "Networks": {f"{project}_{region}": {}, f"{project}_{PAIR}": {}},
        },
        "Lines": [f"2026-01-01T00:00:0{second}Z {service} line {second}" for second in range(5)],
    }
