"""The command line against a Compose project: the same words and the same JSON as against local processes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.commands import app
from tests.support.docker_fake import PAIR, PROJECT, FakeDocker

NODE = "us-east-1-1"


class Typed:
    """Run commands where `docker` is the fake."""

    def __init__(self, docker: FakeDocker) -> None:
        self.docker = docker
        self.environment = {"PATH": str(docker.program.parent), "GLOBETABLE_TARGET": "compose", "COLUMNS": "200"}

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, list(words), env=self.environment)

    def good(self, *words: str) -> str:
        done = self.run(*words)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        done = self.run(*words)
        assert done.exit_code == 1
        assert done.stderr.startswith("globetable: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    def status(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.good("status", "--json"))
        return report


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    return Typed(FakeDocker(tmp_path))


# Scripts written against local processes go on to work: members, types and words are the same.
def test_status_json(typed: Typed) -> None:
    typed.docker.put(NODE, "paused")
    typed.docker.put("us-east-1-2", "exited")
    typed.docker.set(exec=json.dumps({"eu-west-1-1": None, "eu-west-1-2": None}))
    report = typed.status()
    first, second = report["regions"]
    assert report["data"] == PROJECT
    assert [(node["id"], node["pid"], node["state"]) for node in first["nodes"]] == [
        (NODE, 4000, "paused"),
        ("us-east-1-2", None, "stopped"),
    ]
    assert [node["state"] for node in second["nodes"]] == ["unreachable", "unreachable"]
    assert second["endpoint"] == "http://127.0.0.1:8002"
    assert {link["state"] for link in report["links"]} == {"unknown"}


# A region of which nothing runs is shown, not an error: that is when status is looked at.
def test_status_of_a_dead_region(typed: Typed) -> None:
    for name in (NODE, "us-east-1-2", "us-east-1-router"):
        typed.docker.put(name, "exited")
    typed.docker.set(exec=json.dumps({"eu-west-1-1": None, "eu-west-1-2": None}))
    region = typed.status()["regions"][0]
    assert [node["state"] for node in region["nodes"]] == ["stopped", "stopped"]
    assert (region["router"]["pid"], region["router"]["state"]) == (None, "stopped")


# An image older than the command line cannot be asked: an empty status would look like a dead cluster.
def test_status_of_another_version(typed: Typed) -> None:
    typed.docker.set(exec=None)
    assert "No module named deploy.cli.relay" in typed.refused("status")


# The words of `node` and `router`, and their refusals, with the option that makes them paste.
def test_node_and_router_words(typed: Typed) -> None:
    typed.good("node", "pause", NODE)
    assert f"`globetable node resume {NODE} --target compose --project {PROJECT}`" in typed.refused(
        "node", "start", NODE
    )
    typed.good("node", "resume", NODE)
    typed.good("node", "kill", NODE)
    assert f"{NODE} is not running" in typed.refused("node", "stop", NODE)
    typed.good("node", "start", NODE)
    assert "is already running" in typed.refused("node", "start", NODE)
    typed.good("router", "stop", "eu-west-1")
    assert "no process 'nobody'" in typed.refused("node", "kill", "nobody")


# Links are changed by a program beside the region's processes, which says why not.
def test_link_words(typed: Typed) -> None:
    typed.docker.set(exec='""')
    typed.good("link", "delay", "us-east-1", "eu-west-1", "300", "--both")
    told = [words[1:7] for words in typed.docker.asked if words[0] == "exec"]
    assert [words[:1] + words[5:] for words in told] == [
        [f"{PROJECT}-us-east-1-router-id", "us-east-1"],
        [f"{PROJECT}-eu-west-1-router-id", "eu-west-1"],
    ]
    typed.docker.set(exec='"us-east-1 refused: no"')
    assert "us-east-1 refused: no" in typed.refused("link", "cut", "us-east-1", "eu-west-1")
    assert "region 'atlantis' is not in the cluster file" in typed.refused("link", "cut", "atlantis", "eu-west-1")
    assert "must differ" in typed.refused("link", "heal", "us-east-1", "us-east-1")


# A pulled cable tells nobody; healing the link gives the cable back, too.
def test_link_cable(typed: Typed) -> None:
    typed.docker.set(exec='""')
    typed.good("link", "cut", "us-east-1", "eu-west-1", "--cable")
    assert not any(words[0] == "exec" for words in typed.docker.asked)
    assert f"{PROJECT}_{PAIR}" not in typed.docker.networks_of(NODE)
    typed.good("link", "heal", "us-east-1", "eu-west-1", "--both")
    assert f"{PROJECT}_{PAIR}" in typed.docker.networks_of(NODE)


# What a shell evaluates leads to the published port, with these keys and no token of others; without one there is nothing to evaluate.
def test_env_and_logs(typed: Typed) -> None:
    lines = typed.good("env", "eu-west-1").splitlines()
    assert "export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8002" in lines
    assert "unset AWS_SESSION_TOKEN" in lines
    assert typed.good("logs", NODE, "-n", "1") == f"{NODE} line 4\n"
    assert f"{NODE} | {NODE} line 4\n" in typed.good("logs", "-n", "1")
    typed.docker.remove(["eu-west-1-router"])
    assert "eu-west-1 has no endpoint" in typed.refused("env", "eu-west-1")


# Options that mean another kind of cluster are a mistake, not to be passed over in silence.
def test_options_that_do_not_go_together(typed: Typed, tmp_path: Path) -> None:
    done = typed.run("status", "--data", str(tmp_path))
    assert done.exit_code == 2
    assert "--project" in done.stderr
