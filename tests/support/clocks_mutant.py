"""Runs the judges of clocks and of what is held back against a mutated copy: python -m tests.support.clocks_mutant JUDGE FIRST COUNT.

Ends with an exception that says what is wrong, or exits with 0 when nothing is. The copy comes first on PYTHONPATH.
"""

import sys
from pathlib import Path

import node.clocks
from tests.simulation.test_replication_clocks import HOURS_MS, stormy
from tests.support.clocks_simulation import World
from wire.keys import ItemKey


def main(arguments: list[str]) -> int:
    """Run the judge that is named on some seeds; return the exit status if it lives."""
    print(f"judging {Path(node.clocks.__file__).parent}")
    first, count = map(int, arguments[1:])
    for seed in range(first, first + count):
        World(seed).run() if arguments[0] == "clocks" else judge_replication(seed)
        print(f"seed {seed} found nothing", flush=True)
    return 0


def judge_replication(seed: int) -> None:
    """Require that wrong versions hold back nothing else, are remembered and told, and arrive in time."""
    world = stormy(seed)
    probes = [ItemKey(f"probe{number}".encode()) for number in range(6)]
    for key in probes:
        world.regions["a"].write(key, b"{}")
    world.settle()
    contents = [world.contents(name) for name in world.regions]
    behind = [key for key in probes for each in contents if each.get(key) != world.written[key]]
    assert not behind, f"{behind}: a change waits behind a held one"
    assert world.held(), "nothing is held"
    world.assert_lag_is_told()
    world.advance(HOURS_MS / 1_000)
    world.settle()
    world.assert_converged()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
