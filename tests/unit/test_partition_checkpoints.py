"""Replicas held against one another: the one that differs from a majority is wrong, and without a majority nobody is."""

import pytest

from node.partition.checkpoints import Checkpoint, Held, Verdict, decode_held, judged, read_checkpoint
from node.storage.digests import Area
from tests.support.partition_items import put, table
from tests.support.partition_machine import PARTITION, MachineBench

AREA = "000000010000"
OTHER = "000000020000"


def held(value: int | None, number: int = 7, area: str = AREA) -> Held:
    return Held(number, {area: value})


def kept(area: Area) -> bool:
    return area.table == 1


@pytest.mark.parametrize(
    ("mine", "others", "verdict"),
    [
        (held(5), [held(5), held(5)], Verdict.SAME),
        (held(6), [held(5), held(5)], Verdict.ODD),
        (held(5), [held(5), held(6)], Verdict.SAME),
        (held(5), [held(6), None], Verdict.UNDECIDED),
        (held(5), [held(6), held(7)], Verdict.UNDECIDED),
        (held(5), [None, None], Verdict.SAME),
        # Another checkpoint speaks of another moment, and who cannot say says nothing.
        (held(5), [held(6, number=8), held(6, number=8)], Verdict.SAME),
        (held(None), [held(6), held(6)], Verdict.SAME),
        (held(5), [held(None), held(6)], Verdict.UNDECIDED),
        # What is not there adds up to nothing.
        (Held(7, {}), [held(6), held(6)], Verdict.ODD),
        (held(6), [Held(7, {}), Held(7, {})], Verdict.ODD),
        # Remains of what the catalog has no more go at each node's own pace.
        (held(6, area=OTHER), [held(5, area=OTHER), held(5, area=OTHER)], Verdict.SAME),
    ],
)
def test_verdicts(mine: Held, others: list[Held | None], verdict: Verdict) -> None:
    assert judged(mine, others, 3, kept) is verdict


# What is written down is the state after the same entries, however they were grouped when they were applied.
def test_a_checkpoint_is_of_one_entry_however_effects_are_grouped() -> None:
    together, apart = MachineBench(table()), MachineBench(table())
    for bench in (together, apart):
        for number in range(3):
            bench.evaluate(put("a", str(number)))
            bench.clock.advance(0.01)
        bench.evaluate(Checkpoint(9))  # type: ignore[arg-type]
        bench.evaluate(put("a", "later"))
    together.apply()
    for index in range(1, apart.index + 1):
        apart.apply(index)
    found = []
    for bench in (together, apart):
        with bench.engine.snapshot() as view:
            found.append(decode_held(read_checkpoint(view, PARTITION)))
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].number == 9


# Text from a newer release, or nonsense, is no opinion.
def test_what_cannot_be_read_is_no_opinion() -> None:
    assert decode_held(b"") is None
    assert decode_held(b"[1]") is None
