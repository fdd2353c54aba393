"""How a process learns that its cluster knows it no more: never by a moment's mistake, and always in the end."""

import json
import os
from pathlib import Path

import pytest

from wire.launch import Launch, LaunchWatch, launch_of


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    folder = tmp_path / "a folder"
    folder.mkdir()
    launch = Launch(name="n1", token="t1", table=folder / "processes.json")
    write(launch, n1={"pid": 0, "token": "t1"})
    return launch


def write(launch: Launch, **entries: dict[str, object]) -> None:
    fresh = launch.table.with_suffix(".new")
    fresh.write_text(json.dumps(entries))
    fresh.replace(launch.table)


def looks(watch: LaunchWatch, count: int) -> list[bool]:
    return [watch.is_disowned() for _ in range(count)]


# A path may have blanks; whoever was started by hand has no launch.
def test_the_environment_tells_the_launch(launch: Launch) -> None:
    assert launch_of(launch.environment()) == launch
    assert launch_of({}) is None
    assert launch_of({"GLOBETABLE_LAUNCH": "nonsense"}) is None


# Others come and go in the table: that is nothing to this one.
def test_a_named_launch_lives(launch: Launch) -> None:
    watch = LaunchWatch(launch)
    assert looks(watch, 3) == [False] * 3
    write(launch, n1={"pid": 5, "token": "t1"}, n2={"pid": 6, "token": "t2"})
    assert looks(watch, 3) == [False] * 3


# An earlier version's command writes the table without tokens.
def test_a_pid_is_as_good_as_a_token(launch: Launch) -> None:
    write(launch, n1={"pid": os.getpid()})
    assert looks(LaunchWatch(launch), 3) == [False] * 3


# Its place was given to another, its table or its folder is gone: nobody would find it.
@pytest.mark.parametrize("what", ["another", "table", "folder"])
def test_a_launch_that_is_known_no_more_ends(launch: Launch, what: str) -> None:
    watch = LaunchWatch(launch)
    assert not watch.is_disowned()
    if what == "another":
        write(launch, n1={"pid": 7, "token": "t2"})
    if what == "table":
        launch.table.unlink()
    if what == "folder":
        launch.table.parent.rename(launch.table.parent.with_name("elsewhere"))
    assert looks(watch, 2) == [False, True]


# What is back, or cannot be read, is no reason to end.
def test_a_moment_of_absence_is_forgiven(launch: Launch) -> None:
    watch = LaunchWatch(launch)
    launch.table.unlink()
    assert not watch.is_disowned()
    write(launch, n1={"pid": 0, "token": "t1"})
    assert not watch.is_disowned()
    launch.table.unlink()
    assert not watch.is_disowned()
    launch.table.write_text("{")
    assert looks(watch, 3) == [False] * 3
