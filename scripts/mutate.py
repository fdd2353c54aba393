"""Plant single bugs in the pure rooms, one after another, and count those that no test of the room notices.

The bugs are cosmic-ray's (an operator, a number, a comparison, a decorator, a loop, ...), planted in a copy of the checkout. A room
is judged by its own unit and property tests, so what survives is a rule that nobody has written down as a test, or a change
that changes nothing. Minutes to hours; run on demand.
"""

import argparse
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MUTANT_SECONDS_MAX = 120
INNER_VARIABLE = "GLOBETABLE_TESTS_PYTHON"


class Room(NamedTuple):
    """What is mutated, and which test files judge it; patterns below the root."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "consensus": Room(
        ("node/consensus/*.py",),
        ("tests/unit/test_consensus_[clmt]*.py",),
    ),
    "items": Room(("node/items/*.py",), ("tests/unit/test_items_*.py", "tests/property/test_items_*.py")),
    "partition": Room(
        tuple(
            f"node/partition/{name}.py"
            for name in (
                "core",
                "effects",
                "entries",
                "expiry",
                "expiry_decisions",
                "items",
                "merges",
                "overlay",
                "writes",
            )
        ),
        (
            "tests/unit/test_partition_*.py",
            "tests/property/test_partition_*.py",
        ),
    ),
    "storage": Room(
        tuple(
            f"node/storage/{name}.py" for name in ("items", "layout", "log", "records", "sealed", "snapshots", "writer")
        ),
        ("tests/unit/test_storage_*.py", "tests/property/test_storage_*.py"),
    ),
    "streams": Room(
        ("node/streams/*.py",),
        ("tests/unit/test_streams_*.py", "tests/unit/test_partition_streams.py", "tests/property/test_streams_*.py"),
    ),
    "catalog": Room(("node/catalog/*.py",), ("tests/unit/test_catalog_*.py",)),
    "indexes": Room(("node/indexes/core.py", "node/indexes/rows.py"), ("tests/unit/test_indexes_*.py",)),
    "replication": Room(
        tuple(f"node/replication/{name}.py" for name in ("core", "places", "schedule", "selection", "window")),
        ("tests/unit/test_replication_*.py", "tests/property/test_replication_*.py"),
    ),
    "expressions": Room(
        ("router/expressions/*.py",), ("tests/unit/test_expressions_*.py", "tests/property/test_expressions_*.py")
    ),
    "wire": Room(
        tuple(f"proto/wire/{name}.py" for name in ("items", "keys", "numbers", "versions", "commands", "errors")),
        ("tests/unit/test_wire_*.py", "tests/property/test_keys_order.py"),
    ),
}


class Verdict(NamedTuple):
    """What became of the bugs of one room: how many were planted and noticed, and the others as differences."""

    room: str
    planted: int
    killed: int
    survivors: list[str]


def main() -> int:
    """Judge the rooms asked for; return 0 whatever was found: the figure is for people."""
    arguments = parsed_arguments()
    if INNER_VARIABLE not in os.environ:
        return run_in_environment()
    rooms = arguments.rooms or list(ROOMS)
    print(f"seed {arguments.seed}: up to {arguments.sample} bugs in each of {', '.join(rooms)}", flush=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        verdicts = list(pool.map(lambda room: judged(room, arguments.sample, arguments.seed), rooms))
    for survivor in (each for verdict in verdicts for each in verdict.survivors):
        print(f"{survivor}\n")
    for verdict in verdicts:
        print(f"{verdict.room:<12} {verdict.killed:>4} of {verdict.planted:>4} noticed")
    planted = sum(verdict.planted for verdict in verdicts)
    killed = sum(verdict.killed for verdict in verdicts)
    print(f"{'all':<12} {killed:>4} of {planted:>4} noticed ({killed / max(1, planted):.0%})")
    return 0


def parsed_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"{', '.join(ROOMS)} (default: all)")
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="bugs for each room (default: 40)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="which of all possible bugs (default: 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="rooms judged at once")
    arguments = parser.parse_args()
    if unknown := set(arguments.rooms) - set(ROOMS):
        parser.error(f"no room {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    return arguments


def run_in_environment() -> int:
    """Run this program again where cosmic-ray is installed; tests go on with the interpreter that runs now."""
    sys.path.insert(0, str(ROOT))
    from tests.support.environments import prepared

    python = prepared("cosmic-ray", lambda line: print(line, file=sys.stderr, flush=True)) / "python"
    environment = {**os.environ, INNER_VARIABLE: sys.executable}
    return subprocess.run([str(python), *sys.argv], env=environment, check=False).returncode


def judged(room: str, sample: int, seed: int) -> Verdict:
    """Plant a sample of a room's bugs in a copy, one at a time, and run the room's tests on each."""
    with tempfile.TemporaryDirectory(prefix="globetable-mutants-") as folder:
        copy = Path(folder)
        copied_checkout(copy)
        bugs = sampled(matching(copy, ROOMS[room].sources), sample, seed)
        command = test_command(copy, ROOMS[room])
        if run_tests(command, copy):
            raise SystemExit(f"{room}: its tests fail without any bug planted")
        survivors = []
        for number, bug in enumerate(bugs, 1):
            difference = survived(bug, command, copy)
            survivors += [difference] if difference else []
            line = f"{room}: {number} of {len(bugs)} planted, {len(survivors)} not noticed"
            print(line, file=sys.stderr, flush=True)
        return Verdict(room, len(bugs), len(bugs) - len(survivors), survivors)


def copied_checkout(copy: Path) -> None:
    """Copy what git knows of the checkout, as it is in the working tree."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def matching(copy: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Return the files that patterns name, in order."""
    files = [
        path for path in copy.rglob("*.py") if any(fnmatch(str(path.relative_to(copy)), each) for each in patterns)
    ]
    return sorted(path for path in files if path.name != "__init__.py")


def sampled(files: list[Path], sample: int, seed: int) -> list[Any]:
    """Return some of all bugs that can be planted in the files, spread over them evenly."""
    from cosmic_ray.commands.init import init
    from cosmic_ray.work_db import WorkDB, use_db

    with (
        tempfile.TemporaryDirectory() as folder,
        use_db(str(Path(folder) / "bugs.sqlite"), WorkDB.Mode.create) as found,
    ):
        init(files, found, {})
        bugs = [item.mutations[0] for item in found.work_items]
    return random.Random(seed).sample(bugs, min(sample, len(bugs)))


def test_command(copy: Path, room: Room) -> list[str]:
    """Return how the room's tests are run."""
    tests = [str(path) for path in matching(copy, room.tests)]
    options = ("-x", "-q", "-p", "no:cacheprovider", f"--timeout={MUTANT_SECONDS_MAX}")
    return [os.environ[INNER_VARIABLE], "-m", "pytest", *options, *tests]


def run_tests(command: list[str], copy: Path) -> int:
    """Run tests on the copy; return their exit status, which is not 0 when time is up, too."""
    environment = {**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'proto'}", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=2 * MUTANT_SECONDS_MAX, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return 1


def survived(bug: Any, command: list[str], copy: Path) -> str:
    """Plant a bug, run the tests, and take it out again; return the difference it made if no test noticed it."""
    from cosmic_ray.mutating import use_mutation
    from cosmic_ray.plugins import get_operator

    operator = get_operator(bug.operator_name)(**bug.operator_args)
    with use_mutation(bug.module_path, operator, bug.occurrence) as (original, mutated):
        if mutated is None or run_tests(command, copy):
            return ""
    name = str(bug.module_path.relative_to(copy))
    lines = difflib.unified_diff(original.splitlines(), mutated.splitlines(), name, name, lineterm="", n=1)
    return "\n".join(lines)


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    if INNER_VARIABLE in os.environ:
        print(f"{time.monotonic() - started:.0f} s")
    sys.exit(status)
