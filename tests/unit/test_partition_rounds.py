"""When partitions of a node may propose: at once while writes come one at a time, together while they come together."""

from hypothesis import given
from hypothesis import strategies as st

from node.partition.rounds import Rounds, RoundsSpec
from tests.support.clock import ManualClock

A, B = 1, 2
SPEC = RoundsSpec()


class RoundsBench:
    """Rounds on a clock that is moved by hand, and the time at which they asked to be woken last."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.wake_at = float("-inf")
        self.rounds = Rounds(self.clock.monotonic, self._wake_later)

    def _wake_later(self, seconds: float) -> None:
        self.wake_at = self.clock.monotonic() + seconds

    def round(self, **writes: int) -> None:
        """Let partitions propose, as in one turn of the event loop."""
        for partition, count in writes.items():
            assert self.rounds.may_join()
            self.rounds.joined({"a": A, "b": B}[partition], count)
        self.rounds.close()

    def advance(self, seconds: float) -> None:
        """Let time pass; whoever is woken and finds that it is too early asks to be woken again."""
        self.clock.advance(seconds)
        if self.wake_at <= self.clock.monotonic() and (wait := self.rounds.wait_seconds()) > 0.0:
            self._wake_later(wait)

    def committed(self, *partitions: int, after_seconds: float) -> None:
        self.advance(after_seconds)
        for partition in partitions:
            self.rounds.committed(partition)


# One client that writes one item after another must never wait for company, in whichever partition its items are.
def test_single_writes_never_wait() -> None:
    bench = RoundsBench()
    bench.round(a=1)
    bench.round(b=1)
    bench.committed(A, B, after_seconds=0.004)
    assert bench.rounds.may_join()


# What comes while a crowded round is on its way, or shortly after, shares the next one.
def test_a_crowded_round_is_followed_by_a_pause() -> None:
    bench = RoundsBench()
    bench.round(a=10, b=10)
    assert not bench.rounds.may_join()
    bench.committed(A, after_seconds=0.001)
    assert not bench.rounds.may_join()
    bench.committed(B, after_seconds=0.0)
    pause = bench.rounds.wait_seconds()
    assert 0.0 < pause <= 0.001
    assert bench.wake_at == bench.clock.monotonic() + pause
    bench.advance(pause)
    assert bench.rounds.may_join()


# Every partition that has something to write joins the same round, and nobody once it is over.
def test_a_round_is_open_for_one_turn() -> None:
    bench = RoundsBench()
    bench.rounds.joined(A, 10)
    assert bench.rounds.may_join()
    bench.rounds.joined(B, 10)
    bench.rounds.close()
    assert not bench.rounds.may_join()


# A partition without its followers commits nothing for seconds: the others go on after a few milliseconds, and then without it.
def test_a_stuck_partition_holds_nobody_up() -> None:
    bench = RoundsBench()
    bench.round(a=10, b=10)
    bench.committed(A, after_seconds=0.001)
    bench.advance(bench.rounds.wait_seconds())
    bench.round(a=10)
    bench.committed(A, after_seconds=0.001)
    assert 0.0 < bench.rounds.wait_seconds() <= 0.001


# Nor does one whose leadership is lost with its entry.
def test_a_lost_leadership_ends_the_wait() -> None:
    bench = RoundsBench()
    bench.round(a=10)
    bench.rounds.left(A)
    assert bench.rounds.may_join()
    assert bench.wake_at == bench.clock.monotonic()


STEPS = st.one_of(
    st.tuples(st.just("join"), st.sampled_from([A, B]), st.integers(1, 20)),
    st.tuples(st.just("close"), st.just(A), st.just(0)),
    st.tuples(st.just("commit"), st.sampled_from([A, B]), st.just(0)),
    st.tuples(st.just("leave"), st.sampled_from([A, B]), st.just(0)),
    st.tuples(st.just("wait"), st.just(A), st.integers(0, 200)),
)


# Whatever happens: who has to wait is woken in time, and waits no longer than the bounds say.
@given(st.lists(STEPS, max_size=40))
def test_waits_are_bounded_and_end_with_a_wake(steps: list[tuple[str, int, int]]) -> None:
    bench = RoundsBench()
    longest = max(SPEC.patience_seconds_min, SPEC.patience_share * SPEC.commit_seconds_max, SPEC.gather_seconds_max)
    for step, partition, number in steps:
        match step:
            case "join":
                if bench.rounds.may_join():
                    bench.rounds.joined(partition, number)
            case "close":
                bench.rounds.close()
            case "commit":
                bench.rounds.committed(partition)
            case "leave":
                bench.rounds.left(partition)
            case _:
                bench.advance(number / 1_000)
        if not bench.rounds.may_join():
            now, wait = bench.clock.monotonic(), bench.rounds.wait_seconds()
            assert wait <= longest
            assert now <= bench.wake_at <= now + wait + 1e-9
