"""All that CI runs, in order, one command: style, types, layers, generated code, then the tests from fast to slow.

Ends at the first failure unless --keep-going; `--list` shows the steps, and naming some runs only those.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scripts.container_engine import missing_engine

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


class Step(NamedTuple):
    """One check: its name, what it guards, and the command; `missing` says why this machine cannot run it, empty if it can."""

    name: str
    guards: str
    command: tuple[str, ...]
    missing: Callable[[], str] = str


SECONDS_OF_REAL_PROCESSES_MAX = 900
"""The bound of one test that starts clusters, prepares clients' environments or builds images."""


def pytest(*arguments: str) -> tuple[str, ...]:
    """Return a pytest command."""
    return (str(BIN / "pytest"), "-q", *arguments)


WORKERS_MAX = 8
"""The most processes that share a step's tests: more gain nothing, and a container's limits do not show in the count of cores."""


def pytest_on_all_cores(*arguments: str) -> tuple[str, ...]:
    """Return a pytest command for tests that wait for no one: a worker for each core, and one that runs dry takes tests of another."""
    return pytest("--numprocesses=logical", f"--maxprocesses={WORKERS_MAX}", "--dist=worksteal", *arguments)


def pytest_of_processes(*arguments: str) -> tuple[str, ...]:
    """Return a pytest command for tests that take minutes where the machine is slow."""
    return pytest(f"--timeout={SECONDS_OF_REAL_PROCESSES_MAX}", *arguments)


STEPS = (
    Step("lock", "no stray distribution shadows our packages", (sys.executable, __file__, "--check-lock")),
    Step("format", "one layout of the code", (str(BIN / "ruff"), "format", "--check", ".")),
    Step("lint", "the house rules a linter can check", (str(BIN / "ruff"), "check", ".")),
    Step("types", "mypy, strict", (str(BIN / "mypy"),)),
    Step("layers", "who may import whom, and which rooms are pure", (str(BIN / "lint-imports"), "--no-cache")),
    Step(
        "generated",
        "code beside the protos is what the protos say",
        (sys.executable, "scripts/generate_protos.py", "--check"),
    ),
    Step(
        "grammars",
        "parse tables beside the grammars are what the grammars say",
        (sys.executable, "scripts/generate_parsers.py", "--check"),
    ),
    Step(
        "readme",
        "the README's support table is the registry's",
        (sys.executable, "scripts/support_table.py", "--check"),
    ),
    Step(
        "metrics",
        "the table of metrics and the dashboard are what is declared",
        (sys.executable, "scripts/observability.py", "--check"),
    ),
    Step("unit", "one room at a time", pytest_on_all_cores("tests/unit")),
    Step("property", "against plain models", pytest_on_all_cores("tests/property")),
    Step("simulation", "whole groups on one seed", pytest_on_all_cores("tests/simulation")),
    Step("conformance", "boto3 against an embedded region", pytest_on_all_cores("tests/conformance")),
    Step(
        "clients",
        "the AWS CLI, PynamoDB, aioboto3 and boto3's resources, unmodified",
        pytest_of_processes("tests/clients"),
    ),
    Step("hostile", "a hundred thousand random requests", pytest_of_processes("tests/hostile")),
    Step(
        "cluster",
        "real processes, real faults",
        pytest_of_processes("tests/cluster", "--ignore=tests/cluster/containers"),
    ),
    Step(
        "containers",
        "three regions from the image, their cables, containers and disks",
        pytest_of_processes("tests/cluster/containers", "-vv", "-rs", "--durations=3"),
        missing_engine,
    ),
)


def main() -> int:
    """Run the steps asked for; return the exit status."""
    arguments = parsed_arguments()
    if arguments.check_lock:
        return check_lock()
    if arguments.list:
        print("\n".join(f"{step.name:<12} {step.guards}" for step in STEPS))
        return 0
    chosen = [step for step in STEPS if not arguments.steps or step.name in arguments.steps]
    not_run = {step.name: reason for step in chosen if (reason := step.missing())}
    failed = run([step for step in chosen if step.name not in not_run], arguments.keep_going)
    for name, reason in not_run.items():
        print(f"== {name}: NOT RUN: {reason}")
    print(f"failed: {', '.join(failed)}" if failed else verdict(not_run))
    return 1 if failed else 0


def verdict(not_run: dict[str, str]) -> str:
    """Return the last line when nothing failed."""
    return f"all checks passed but for those NOT RUN: {', '.join(not_run)}" if not_run else "all checks passed"


def parsed_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="run only these (see --list)")
    parser.add_argument("--list", action="store_true", help="show the steps and end")
    parser.add_argument("--keep-going", action="store_true", help="run the later steps after a failure too")
    parser.add_argument("--check-lock", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = set(arguments.steps) - {step.name for step in STEPS}
    if unknown:
        parser.error(f"no step {', '.join(sorted(unknown))}; there are {', '.join(step.name for step in STEPS)}")
    return arguments


def run(steps: list[Step], keep_going: bool) -> list[str]:
    """Run steps in order; return the names of those that failed."""
    failed = []
    for step in steps:
        print(f"== {step.name}: {step.guards}", flush=True)
        started = time.monotonic()
        status = subprocess.run(step.command, cwd=ROOT, check=False).returncode
        print(f"== {step.name}: {'FAILED' if status else 'ok'} ({time.monotonic() - started:.1f} s)", flush=True)
        if status:
            failed.append(step.name)
            if not keep_going:
                break
    return failed


def check_lock() -> int:
    """Fail if the lock holds a distribution that would merge into our own packages when installed."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    names = {line.split("==")[0].strip().lower() for line in lines if "==" in line and not line.startswith((" ", "#"))}
    shadowing = names & {"node", "router", "deploy", "wire"}
    if shadowing:
        print(f"requirements.lock holds {', '.join(sorted(shadowing))}: it would merge into our package of that name")
    return 1 if shadowing else 0


if __name__ == "__main__":
    sys.exit(main())
