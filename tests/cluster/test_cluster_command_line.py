"""The `globetable` command as a person types it, against real processes."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.cluster import LocalCluster
from deploy.local.topology import Layout
from tests.support.cluster import eventually

GLOBETABLE = Path(sys.executable).parent / "globetable"
COMMAND_SECONDS_MAX = 120


class Typed:
    """Run the command on one data directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [GLOBETABLE, *words, "--data", str(self.folder)],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )

    def good(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.split())

    def status(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.good("status", "--json"))
        return report


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    typed = Typed(tmp_path_factory.mktemp("typed"))
    up = ("up", "--detach", "--regions", "2", "--nodes", "3", "--partitions", "2", "--port", "0")
    typed.good(*up)
    yield typed
    typed.run("down")


# `status --json` is a contract for scripts: these members, these types, whatever else is added.
def test_status_json_shape(typed: Typed) -> None:
    report = eventually(lambda: led(typed.status()), "every leader tells of itself")
    assert set(report["credentials"]) == {"access_key_id", "secret_access_key"}
    assert [region["name"] for region in report["regions"]] == ["us-east-1", "eu-west-1"]
    node = report["regions"][0]["nodes"][0]
    assert {"id", "zone", "pid", "state", "leads"} <= set(node)
    assert report["regions"][0]["endpoint"].startswith("http://127.0.0.1:")
    assert {"source", "destination", "state", "lag_seconds", "pending_records"} <= set(report["links"][0])
    leads = [partition for node in report["regions"][0]["nodes"] for partition in node["leads"]]
    assert sorted(leads) == [0, 1, 2]


def led(report: dict[str, Any]) -> dict[str, Any] | None:
    """Return a report in which every partition has a leader: one that answers late is left out once."""
    return None if any(region["leaderless"] for region in report["regions"]) else report


# Run twice, `up` changes nothing: the same processes, still there.
def test_up_twice(typed: Typed) -> None:
    before = [node["pid"] for region in typed.status()["regions"] for node in region["nodes"]]
    assert "already running" in typed.good("up", "--detach")
    assert [node["pid"] for region in typed.status()["regions"] for node in region["nodes"]] == before


# Asking for another size than the data directory has would otherwise be ignored in silence.
def test_up_with_another_size_is_refused(typed: Typed) -> None:
    assert "was made with --nodes 3, not 5" in typed.refused("up", "--nodes", "5")


# Kill, start, pause and resume say what they did, and status shows it.
def test_node_commands(typed: Typed) -> None:
    node = "us-east-1-3"
    state = lambda: next(n for n in typed.status()["regions"][0]["nodes"] if n["id"] == node)["state"]  # noqa: E731
    typed.good("node", "kill", node)
    assert state() == "stopped"
    assert f"is not running: start it with `globetable node start {node}`" in typed.refused("node", "kill", node)
    typed.good("node", "start", node)
    typed.good("node", "pause", node)
    assert state() == "paused"
    assert f"globetable node resume {node}" in typed.refused("node", "start", node)
    typed.good("node", "resume", node)
    assert "no process 'nobody'" in typed.refused("node", "kill", "nobody")
    typed.good("up", "--detach")


# Links are cut one way; status shows which; heal mends.
def test_link_commands(typed: Typed) -> None:
    typed.good("link", "cut", "us-east-1", "eu-west-1")
    expected = {"us-east-1": "cut", "eu-west-1": "up"}
    eventually(lambda: {row["source"]: row["state"] for row in typed.status()["links"]} == expected, "one way is cut")
    typed.good("link", "delay", "us-east-1", "eu-west-1", "100", "--both")
    typed.good("link", "heal", "us-east-1", "eu-west-1", "--both")
    assert "region 'atlantis' is not in the cluster file" in typed.refused("link", "cut", "atlantis", "eu-west-1")


# `env` is what a shell evaluates; `logs` shows what processes wrote.
def test_env_and_logs(typed: Typed) -> None:
    assert "export AWS_DEFAULT_REGION=eu-west-1" in typed.good("env", "eu-west-1")
    assert "node_ready" in typed.good("logs", "us-east-1-1", "--lines", "1000")
    assert "no process" in typed.refused("logs", "nobody")


# A name becomes file names and shell lines; a file where a folder should be is no traceback; nothing is ignored in silence.
def test_up_refuses_in_one_line(typed: Typed, tmp_path: Path) -> None:
    fresh = Typed(tmp_path / "fresh")
    assert "expected small letters" in fresh.refused("up", "--regions", "../elsewhere")
    assert "must not be empty" in fresh.refused("up", "--access-key-id", "", "--secret-access-key", "")
    assert not (tmp_path / "fresh").exists()
    (tmp_path / "file").write_text("")
    assert "File exists" in Typed(tmp_path / "file").refused("up", "--regions", "1", "--port", "0")
    assert "was made with signatures" in typed.refused("up", "--no-signatures")
    assert "other credentials" in typed.refused("up", "--access-key-id", "A", "--secret-access-key", "B")


# A damaged process table must not be guessed at, nor stop anybody: what runs is looked at, and the table made anew.
def test_damaged_process_table(typed: Typed) -> None:
    before = [node["pid"] for region in typed.status()["regions"] for node in region["nodes"]]
    (typed.folder / "processes.json").write_text("{")
    assert [node["pid"] for region in typed.status()["regions"] for node in region["nodes"]] == before
    done = typed.run("up", "--detach")
    assert "processes.json was damaged" in done.stderr
    assert [node["pid"] for region in typed.status()["regions"] for node in region["nodes"]] == before


# The folder may hold other things, if somebody chose it so: deleting the cluster's data leaves them alone.
def test_delete_data_removes_only_the_clusters_own(tmp_path: Path) -> None:
    LocalCluster.create(tmp_path, Layout(nodes_per_region=1), port=0, generator=random.Random(1))
    (tmp_path / "thesis.txt").write_text("years of work")
    Typed(tmp_path).good("down", "--delete-data")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


# Nobody can tell the state of the links of a region that does not run: status must not call them up.
def test_links_of_a_stopped_cluster_are_unknown(tmp_path: Path) -> None:
    LocalCluster.create(tmp_path, Layout(nodes_per_region=1), port=0, generator=random.Random(1))
    assert {link["state"] for link in Typed(tmp_path).status()["links"]} == {"unknown"}


# Defaults in help texts were once eaten as markup.
def test_help_shows_defaults() -> None:
    done = subprocess.run([GLOBETABLE, "up", "--help"], capture_output=True, text=True, check=True)
    assert "(default: 3)" in " ".join(done.stdout.replace("│", " ").split())


# A region's name becomes part of ARNs and of file names, in `dev` as well.
def test_dev_refuses_a_strange_region() -> None:
    done = subprocess.run([GLOBETABLE, "dev", "--region", "../x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "expected small letters" in done.stderr


# No cluster there: one line that says how to get one.
def test_status_without_a_cluster(tmp_path: Path) -> None:
    assert "start one with `globetable up`" in Typed(tmp_path / "empty").refused("status")
