"""Runs a storm against a mutated copy of the node: python -m tests.support.node_mutant STORM FIRST COUNT.

Ends with an exception that says what is wrong, or exits with 0 when nothing is. The copy comes first on PYTHONPATH.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import node.partition
from tests.simulation.test_replication_clocks import HOURS_MS, stormy
from tests.support.clocks_simulation import World
from tests.support.partition_storm import Fault, stormed
from wire.keys import ItemKey


def main(arguments: list[str]) -> int:
    """Run the storm that is named on some seeds; return the exit status if nothing is found."""
    logging.disable(logging.CRITICAL)
    print(f"judging {Path(node.partition.__file__).parent}")
    first, count = map(int, arguments[1:])
    for seed in range(first, first + count):
        STORMS[arguments[0]](seed)
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


STORMS: dict[str, Callable[[int], object]] = {
    "losses": lambda seed: stormed(seed, [Fault.LOSSES, Fault.LATE]),
    "damage": lambda seed: stormed(seed, [Fault.DAMAGE, Fault.CRASHES]),
    "disks": lambda seed: stormed(seed, [Fault.DISKS]),
    "clocks": lambda seed: World(seed).run(),
    "replication": judge_replication,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
