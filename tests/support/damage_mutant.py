"""Runs the storm of damaged disks against a mutated copy of the node: python -m tests.support.damage_mutant FIRST COUNT.

Ends with an exception that says what is wrong, or exits with 0 when nothing is. The copy comes first on PYTHONPATH.
"""

import logging
import sys
from pathlib import Path

import node.partition
from tests.support.partition_damage_storm import damaged


def main(arguments: list[str]) -> int:
    """Run the seeds; return the exit status if all pass."""
    logging.disable(logging.CRITICAL)
    print(f"judging {Path(node.partition.__file__).parent}")
    first, count = map(int, arguments)
    for seed in range(first, first + count):
        damaged(seed)
        print(f"seed {seed} found nothing", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
