"""Run simulated groups, each on one seed: faults first, then healing, then progress is required."""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The simulator is test code, which is no installed package.
sys.path.insert(0, str(ROOT))

from tests.support.consensus_simulation import Simulation, SimulationFailed, SimulationOutcome  # noqa: E402
from tests.support.partition_storm import stormed  # noqa: E402

EPILOG = """\
The seed decides everything: settings (3 or 5 replicas, message sizes 1, 40 or 1 MB, windows 2 or 256, leases, ...), every
delay of network and disk, every loss, repetition, partition, crash, stall, transfer, snapshot and membership change. The same
seed gives the same trace, always.

  scripts/simulate.py                          seeds 0 to 999
  scripts/simulate.py --seeds 100000 --seed 1000000
                                               a long run over seeds nobody has tried
  scripts/simulate.py --seed 1234 --show       one seed, with everything that happens: the way to look at a failure
  scripts/simulate.py --storms --seeds 5000    whole nodes instead of bare consensus, on all cores: disks that are wiped, replaced by
                                               older copies, damaged, full and failing, clocks that are set wrong, crashes, stalls,
                                               cuts and late messages, all in one run or some of them

A failing seed is reported with the promise that was broken, and the run goes on; the exit status is 1. Before it is fixed it
becomes a transcript under tests/unit/transcripts, or a unit test.
"""


def main() -> int:
    """Run the seeds asked for; return the exit status."""
    arguments = parsed_arguments()
    if arguments.storms:
        return storms(arguments)
    if arguments.show:
        return show(arguments.seed)
    outcomes: list[SimulationOutcome] = []
    failures: list[str] = []
    begun = time.monotonic()
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        try:
            outcomes.append(Simulation(seed).run())
        except SimulationFailed as failure:
            failures.append(f"seed {seed}: {failure}")
            print(f"\r{failures[-1]:<70}", flush=True)
        report_progress(seed - arguments.seed + 1, arguments.seeds, len(failures), time.monotonic() - begun)
    print(f"\n{len(outcomes)} seeds passed, {len(failures)} failed")
    print("\n".join(summary(outcomes)))
    return 1 if failures else 0


def parsed_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many seeds to run (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed (default: 0)")
    parser.add_argument("--show", action="store_true", help="run the one seed and print its trace")
    parser.add_argument("--storms", action="store_true", help="simulate whole nodes in storms of everything at once")
    jobs = os.cpu_count() or 1
    parser.add_argument(
        "--jobs", type=int, default=jobs, metavar="N", help="processes that run storms (default: cores)"
    )
    return parser.parse_args()


def storms(arguments: argparse.Namespace) -> int:
    """Run seeds of whole nodes to which everything happens; return the exit status."""
    totals: Counter[str] = Counter()
    failures = 0
    begun = time.monotonic()
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for done, (seed, found) in enumerate(pool.map(storm, seeds), 1):
            if isinstance(found, str):
                failures += 1
                print(f"\rseed {seed}: {found:.300}", flush=True)
            else:
                totals.update(found)
            report_progress(done, arguments.seeds, failures, time.monotonic() - begun)
    print(f"\n{arguments.seeds - failures} seeds passed, {failures} failed")
    print("\n".join(f"{name:<12} {count:>12,}" for name, count in totals.items()))
    return 1 if failures else 0


def storm(seed: int) -> tuple[int, dict[str, int] | str]:
    """Run one storm; return its seed, and what happened or what was wrong."""
    logging.disable(logging.CRITICAL)
    try:
        return seed, stormed(seed).counts
    except Exception as failure:  # noqa: BLE001  # whatever it is: the other seeds are worth as much
        return seed, repr(failure)


def show(seed: int) -> int:
    """Run one seed and print its trace."""
    try:
        outcome = Simulation(seed, show=print).run()
    except SimulationFailed as failure:
        print(f"failed: {failure}")
        return 1
    print(outcome)
    return 0


def report_progress(done: int, wanted: int, failed: int, seconds: float) -> None:
    """Show how far the run is, on one line."""
    if (done % 10 and done != wanted) or not sys.stdout.isatty():
        return
    left = seconds / done * (wanted - done)
    line = f"{done}/{wanted} seeds, {failed} failed, {done / seconds:.0f} a second, {left:.0f} s left"
    print(f"\r{line:<70}", end="", flush=True)


def summary(outcomes: list[SimulationOutcome]) -> Iterator[str]:
    """Say what was exercised, so that a run that did nothing does not look like a success."""
    for name in ("events", "messages", "leaders", "committed", "crashes", "snapshots", "index_reads", "lease_reads"):
        total = sum(getattr(outcome, name) for outcome in outcomes)
        yield f"{name.replace('_', ' '):<12} {total:>12,}"


if __name__ == "__main__":
    sys.exit(main())
