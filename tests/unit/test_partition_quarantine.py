"""Which damaged replica may begin anew, and when: never so many that no majority keeps its log."""

import itertools

import pytest

from node.partition.quarantine import (
    ASKING_SECONDS,
    PROMISE_SECONDS,
    QUARANTINED,
    REFUSED,
    Permit,
    Permits,
    quarantine_reason,
    quarantine_to,
)
from node.storage.engine import Space
from node.storage.layout import state_key
from node.storage.memory_engine import MemoryEngine

GRANTED, LEADS = Permit(True), Permit(True, leads=True)


# A majority without the damaged one must keep its log, and one of it must lead and hold what is to be copied.
@pytest.mark.parametrize(
    ("answers", "voters", "expected"),
    [
        ((LEADS, GRANTED), 3, True),
        ((GRANTED, GRANTED), 3, False),
        ((LEADS, REFUSED), 3, False),
        ((LEADS,), 2, False),
        ((), 1, False),
        ((LEADS, GRANTED, GRANTED, REFUSED), 5, True),
        ((LEADS, GRANTED, REFUSED, REFUSED), 5, False),
    ],
)
def test_a_majority_must_be_left(answers: tuple[Permit, ...], voters: int, expected: bool) -> None:
    assert Permits().decide(answers, voters, 0.0, 1.0) == expected


# What was promised long ago may not hold any more.
def test_promises_that_come_too_late_do_not_count() -> None:
    assert not Permits().decide((LEADS, GRANTED), 3, 0.0, ASKING_SECONDS + 1)
    assert ASKING_SECONDS < PROMISE_SECONDS


# Who has promised to stay stays, damaged or not, until the promise has ended.
def test_who_has_promised_does_not_begin_anew() -> None:
    permits = Permits()
    assert permits.answer(1, 2, is_damaged=False, leads=True, now=10.0) == LEADS
    assert not permits.decide((LEADS, GRANTED), 3, 11.0, 12.0)
    assert permits.may_ask(10.0 + PROMISE_SECONDS)


# Whoever has decided to begin anew may be empty at any moment: nobody may count on it.
def test_who_begins_anew_promises_nothing() -> None:
    permits = Permits()
    assert permits.decide((LEADS, GRANTED), 3, 0.0, 1.0)
    assert permits.answer(1, 2, is_damaged=True, leads=False, now=1.0) == REFUSED


# Two that are damaged at once and ask each other, in every order: exactly one goes, and the other waits.
@pytest.mark.parametrize("order", list(itertools.permutations(["1 asks", "2 asks", "1 decides", "2 decides"])))
def test_of_two_damaged_replicas_one_goes_first(order: tuple[str, ...]) -> None:
    permits = {1: Permits(), 2: Permits(), 3: Permits()}
    answers: dict[int, list[Permit]] = {1: [], 2: []}
    gone = []
    for what in order:
        who = int(what[0])
        other = 3 - who
        if what.endswith("asks"):
            answers[who] = [
                permits[other].answer(who, other, is_damaged=True, leads=False, now=1.0),
                permits[3].answer(who, 3, is_damaged=False, leads=True, now=1.0),
            ]
        elif permits[who].decide(answers[who], 3, 1.0, 2.0):
            gone.append(who)
    assert len(gone) <= 1


# A restart must not make damaged data believed again, and a mark that is damaged itself is still one.
def test_the_mark_is_durable() -> None:
    engine = MemoryEngine()
    with engine.snapshot() as view:
        assert quarantine_reason(view, 4) is None
    engine.write(lambda transaction: quarantine_to(transaction, 4, "a row is gone"))
    with engine.snapshot() as view:
        assert quarantine_reason(view, 4) == "a row is gone"
        assert quarantine_reason(view, 5) is None
    engine.write(lambda transaction: transaction.put(Space.STATE, state_key(4, QUARANTINED), b"nonsense"))
    with engine.snapshot() as view:
        assert quarantine_reason(view, 4) is not None
