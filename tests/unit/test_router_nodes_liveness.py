"""When a node counts as gone although its connection stands."""

from router.nodes.liveness import (
    DOUBT_SECONDS,
    FORGIVEN_SECONDS,
    LATE_SECONDS,
    PROBATION_SECONDS_MAX,
    PROBATION_SECONDS_MIN,
    SILENT_SECONDS,
    Liveness,
    Probation,
    Verdict,
)

STEP = 0.2


def checked(liveness: Liveness, start: float, seconds: float, *, is_waiting: bool = True) -> list[Verdict]:
    """Check in steps over some time; return every verdict that is not FINE."""
    steps = int(seconds / STEP) + 1
    verdicts = [liveness.check(start + STEP * (number + 1), is_waiting=is_waiting) for number in range(steps)]
    return [verdict for verdict in verdicts if verdict is not Verdict.FINE]


# A stopped process is asked once, and then given up: its requests can go to the next leader.
def test_a_node_that_says_nothing_is_asked_and_then_given_up() -> None:
    verdicts = checked(Liveness(100.0), 100.0, SILENT_SECONDS + STEP)
    assert verdicts[0] is Verdict.ASK
    assert set(verdicts[1:]) == {Verdict.SILENT}


# A quiet region must cost nothing: without requests nobody asks anything.
def test_a_node_of_which_nothing_is_wanted_is_left_alone() -> None:
    assert checked(Liveness(100.0), 100.0, 60.0, is_waiting=False) == []


# One request may take long on a node that is well: each answer to a question buys it more time.
def test_a_busy_node_that_answers_questions_is_kept() -> None:
    liveness, now = Liveness(100.0), 100.0
    for _ in range(50):
        now += STEP
        verdict = liveness.check(now, is_waiting=True)
        assert verdict is not Verdict.SILENT
        if verdict is Verdict.ASK:
            liveness.heard(now)


# This process was stopped for a minute: what it has not read meanwhile says nothing about the node.
def test_a_late_check_blames_nobody() -> None:
    liveness = Liveness(100.0)
    assert liveness.check(100.0 + LATE_SECONDS + 60.0, is_waiting=True) is Verdict.FINE


# Requests that can go another way do so before the node is given up; any word from it ends the doubt.
def test_a_node_that_owes_an_answer_is_doubtful() -> None:
    liveness = Liveness(100.0)
    checked(liveness, 100.0, DOUBT_SECONDS)
    assert not liveness.is_doubtful(100.0 + DOUBT_SECONDS)
    assert liveness.is_doubtful(100.0 + DOUBT_SECONDS + STEP)
    liveness.heard(102.0)
    assert not liveness.is_doubtful(103.9)


# A quiet connection is no doubtful one: nothing was asked.
def test_silence_that_nobody_waits_for_raises_no_doubt() -> None:
    liveness = Liveness(100.0)
    checked(liveness, 100.0, 60.0, is_waiting=False)
    assert not liveness.is_doubtful(170.0)


# A link that comes and goes must not be taken each time that it comes.
def test_probation_doubles_with_every_silence() -> None:
    probation, now = Probation(), 1_000.0
    lengths = []
    for _ in range(7):
        probation.fell_silent(now)
        probation.answered(now + 1)
        length = PROBATION_SECONDS_MIN
        while probation.lasts(now + 1 + length - STEP) and probation.lasts(now + 1 + length):
            length *= 2
        lengths.append(length)
        now += 10
    assert lengths == [2.0, 4.0, 8.0, 16.0, *[PROBATION_SECONDS_MAX] * 3]


# What was never silent is relied upon at once, and so is, in the end, what has not been silent for long.
def test_probation_is_forgiven() -> None:
    probation = Probation()
    probation.answered(0.0)
    assert not probation.lasts(0.0)
    for now in (10.0, 20.0, 30.0):
        probation.fell_silent(now)
    now = 30.0 + FORGIVEN_SECONDS + 1
    probation.fell_silent(now)
    probation.answered(now)
    assert probation.lasts(now + PROBATION_SECONDS_MIN - STEP)
    assert not probation.lasts(now + PROBATION_SECONDS_MIN)
