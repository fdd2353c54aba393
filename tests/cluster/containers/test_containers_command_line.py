"""The command line on a real engine: the words that people type, and what they see."""

import json
from typing import Any

from typer.testing import CliRunner

from deploy.cli.commands import app
from tests.support.cluster import eventually
from tests.support.container_cluster import ContainerCluster

HERE, THERE = "us-east-1", "eu-west-1"


class Typed:
    """Commands about this project, as typed in a shell that has GLOBETABLE_TARGET."""

    def __init__(self, cluster: ContainerCluster) -> None:
        self._environment = {"GLOBETABLE_TARGET": "compose", "COMPOSE_PROJECT_NAME": cluster.project, "COLUMNS": "200"}

    def __call__(self, *words: str) -> str:
        done = CliRunner().invoke(app, list(words), env=self._environment)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self("status", "--json"))
        return report

    def node(self, name: str) -> dict[str, Any]:
        nodes = (node for region in self.status()["regions"] for node in region["nodes"])
        return next(node for node in nodes if node["id"] == name)

    def link(self, source: str, destination: str) -> str:
        links = self.status()["links"]
        (found,) = (each for each in links if (each["source"], each["destination"]) == (source, destination))
        return str(found["state"])


# Everything runs, is led, and is linked both ways; the endpoint that a shell evaluates is the one that answers.
def test_status_and_env(cluster: ContainerCluster) -> None:
    cluster.wait_ready()
    typed = Typed(cluster)
    report = typed.status()
    assert [region["name"] for region in report["regions"]] == [region.name for region in cluster.regions]
    for region in report["regions"]:
        assert [node["state"] for node in region["nodes"]] == ["ready"] * 3
        assert sorted(number for node in region["nodes"] for number in node["leads"]) == [0, 1, 2]
    assert [each["state"] for each in report["links"]] == ["up"] * 6
    assert f"AWS_ENDPOINT_URL_DYNAMODB=http://{cluster.regions[1].http}" in typed("env", THERE)
    assert HERE in typed("status")


# A link is cut in one direction, or as a cable in both, and heals.
def test_links(cluster: ContainerCluster, table: str) -> None:
    typed = Typed(cluster)
    typed("link", "cut", HERE, THERE)
    eventually(lambda: (typed.link(HERE, THERE), typed.link(THERE, HERE)) == ("cut", "up"), "one way cut")
    cluster.client(0).put_item(TableName=table, Item={"pk": {"S": "late"}})
    eventually(lambda: cluster.backlog(0, 2) == 0, "shipped to where nothing is cut")
    assert (b"late", b"") not in cluster.dumps(table)[1]
    typed("link", "heal", HERE, THERE)
    cluster.converged(table)
    typed("link", "cut", HERE, THERE, "--cable")
    cluster.client(0).put_item(TableName=table, Item={"pk": {"S": "later"}})
    eventually(lambda: {typed.link(HERE, THERE), typed.link(THERE, HERE)} == {"down"}, "both ways down")
    typed("link", "heal", HERE, THERE)
    cluster.converged(table)


# A node is killed and started, frozen and woken; status says so each time.
def test_nodes(cluster: ContainerCluster) -> None:
    typed, node = Typed(cluster), cluster.nodes(1)[2]
    for verb, state, back in (
        ("kill", "stopped", "start"),
        ("pause", "paused", "resume"),
        ("stop", "stopped", "start"),
    ):
        typed("node", verb, node)
        assert typed.node(node)["state"] == state
        typed("node", back, node)
        eventually(lambda: typed.node(node)["state"] == "ready", f"{node} ready")
    cluster.mend()


# What containers log is for machines: every line is JSON, and says when, what and who.
def test_logs(cluster: ContainerCluster) -> None:
    typed = Typed(cluster)
    for service in cluster.everybody():
        for line in cluster.lines(service):
            assert {"time", "level", "event"} <= line.keys(), line
    assert "node_ready" in typed("logs", cluster.nodes(0)[0], "--lines", "10000")
