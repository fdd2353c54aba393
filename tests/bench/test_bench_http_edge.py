"""What the edge costs over the server it stands on, measured in one run."""

from contextlib import ExitStack
from statistics import median

import pytest

from tests.support.http_bench import Subject, subject

ROUNDS, REQUESTS = 9, 4000


def _measured(kinds: tuple[str, ...]) -> dict[str, Subject]:
    """Measure servers of these kinds in turn, so that what else the machine does falls on all alike."""
    with ExitStack() as stack:
        subjects = {kind: stack.enter_context(subject(kind)) for kind in kinds}
        for each in subjects.values():
            each.round(REQUESTS)
            each.cpu_us.clear()
            each.per_second.clear()
        for _ in range(ROUNDS):
            for each in subjects.values():
                each.round(REQUESTS)
        return subjects


# The edge is on the way of every request: parsing, verifying and answering may not cost more than the bare server again.
@pytest.mark.bench
def test_the_edge_beside_a_bare_server() -> None:
    subjects = _measured(("plain", "unsigned", "signed"))
    for each in subjects.values():
        print(f"{each.kind:9} {median(each.per_second):7.0f} requests/s {median(each.cpu_us):6.1f} us CPU per request")
    assert median(subjects["signed"].cpu_us) < 2 * median(subjects["plain"].cpu_us)
