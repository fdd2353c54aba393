"""Signals that end a command: noted wherever it is, raised once where it waits."""

import os
import signal
import threading

import pytest

from deploy.local.interruption import Interrupted, end_undisturbed, heed, interruptible, pause


@pytest.fixture(autouse=True)
def handlers():  # type: ignore[no-untyped-def]
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised_where_the_command_waits(number: signal.Signals) -> None:
    with interruptible():
        signal.raise_signal(number)
        with pytest.raises(Interrupted):
            pause(0)


def test_a_signal_that_comes_during_a_pause_is_raised_at_its_end() -> None:
    with interruptible():
        threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGTERM]).start()
        with pytest.raises(Interrupted):
            wait_for_ever()


def wait_for_ever() -> None:
    while True:
        pause(0.02)


def test_while_it_clears_away_further_signals_change_nothing() -> None:
    with interruptible():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            heed()
        signal.raise_signal(signal.SIGINT)
        pause(0)


def test_a_command_that_ends_for_a_reason_of_its_own_is_not_disturbed() -> None:
    with interruptible():
        end_undisturbed()
        signal.raise_signal(signal.SIGTERM)
        pause(0)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGTERM)
            pause(0)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_one_command_hears_nothing_of_what_another_was_told() -> None:
    with interruptible():
        signal.raise_signal(signal.SIGTERM)
    pause(0)
    with interruptible():
        pause(0)
