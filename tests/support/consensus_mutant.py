"""Runs the judges of consensus against a mutated copy of it: python -m tests.support.consensus_mutant JUDGE [FIRST COUNT].

Ends with an exception that says what is wrong, or exits with 0 when nothing is. The copy comes first on PYTHONPATH.
"""

import sys
from pathlib import Path

import node.consensus
from tests.support.consensus_simulation import Simulation
from tests.support.consensus_transcript import first_difference

TRANSCRIPTS = Path(__file__).parent.parent / "unit" / "transcripts"


def main(arguments: list[str]) -> int:
    """Run the judge that is named; return the exit status if it lives."""
    print(f"judging {Path(node.consensus.__file__).parent}")
    if arguments[0] == "simulation":
        first, count = map(int, arguments[1:])
        for seed in range(first, first + count):
            Simulation(seed).run()
            print(f"seed {seed} found nothing", flush=True)
    else:
        difference = first_difference((TRANSCRIPTS / f"{arguments[1]}.txt").read_text())
        assert difference is None, f"the transcript {arguments[1]} differs: {difference}"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
