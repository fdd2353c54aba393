"""What a partition replicates, seen from consensus: a state machine that evaluates on the leader and applies
everywhere.

The leader decides, replicas only apply bytes: `evaluate` looks at the newest state and returns an effect, which
travels in the log and is written by `apply` on every replica, the leader included. This module knows the seam; it
refuses to know any machine. Two fit: items (`node.partition.items`) and the catalog (a room above).
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from node.partition.checkpoints import Checkpoint
from node.partition.expiry import ExpiryCommand
from node.storage.engine import Transaction, View
from wire.commands import Command, Outcome

LeaderCommand = Command | ExpiryCommand | Checkpoint
"""What a leader decides: others' commands, and those of its own that never travel."""


class Evaluation(NamedTuple):
    """What a command comes to.

    `effect` is empty when there is nothing to replicate. `outcome` becomes the answer once everything it rests on is
    committed: its own entry, or else the entry at `rests_on`, the newest one not yet applied whose effect was looked
    at (0 = none).
    """

    effect: bytes
    outcome: Outcome
    rests_on: int = 0


class StateMachine(Protocol):
    """Evaluate commands on the leader and apply effects on every replica.

    Invariant: applying the effects of entries 1..n to an empty store gives the same rows on every replica; nothing
    else, neither a clock nor memory, may decide what `apply` writes. All methods but `apply` are called on the event
    loop and never wait.
    """

    def evaluate(self, command: LeaderCommand, view: View, index: int) -> Evaluation:
        """Decide a command for the entry at `index`, against applied state (`view`) under all effects evaluated before.

        The machine must remember the effect until `applied` or `discard`, because the next command has to see it. A
        refusal is an Evaluation without an effect whose outcome is Failed.
        """
        ...

    def apply(self, effects: Sequence[bytes], sequence: int, transaction: Transaction) -> int:
        """Write effects in order; return the last change sequence number in use, `sequence` being the last one before.

        Called on the writer's thread, perhaps more than once for the same effects (a transaction that has to grow is
        run again): it may use its arguments and constants only.
        """
        ...

    def applied(self, effects: Sequence[bytes], index: int) -> None:
        """Note that the effects of entries up to `index` are on disk, these being the ones since the last call."""
        ...

    def discard(self, index: int) -> None:
        """Forget the effects evaluated for entries from `index` on.

        They were never proposed, or were lost with leadership.
        """
        ...

    def restored(self, view: View) -> None:
        """Begin, or begin again after a snapshot was installed, from the applied state in `view`.

        Nothing is pending.
        """
        ...
