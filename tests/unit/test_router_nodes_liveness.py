"""When a node counts as gone although its connection stands."""

from router.nodes.liveness import LATE_SECONDS, SILENT_SECONDS, Liveness, Verdict

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
