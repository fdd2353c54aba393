"""One turn of a replica as its driver carries it out: what to persist, send and apply.

Pure. Knows how committed entries become a plan, and what a replica without whole data must not say.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

from node.consensus.core import ConsensusCore
from node.consensus.types import Entry, EntryKind, Index, MembershipChange, Message, MessageKind, Ready, Term
from node.partition.entries import Cursor, decode_entry

_CAMPAIGN = frozenset({MessageKind.VOTE, MessageKind.PRE_VOTE})


class ApplyPlan(NamedTuple):
    """Committed entries taken apart: what to write, through which index, and the membership if it changed."""

    through: int
    effects: Sequence[bytes]
    cursors: Sequence[Cursor]
    catalog_version: int
    membership: bytes | None

    @property
    def has_rows(self) -> bool:
        """Tell whether there is anything to write beside the index."""
        return bool(self.effects or self.cursors)


class Turn(NamedTuple):
    """What to do, in this order: send `early`, persist `ready` and `plan`, send `late`."""

    ready: Ready
    plan: ApplyPlan | None
    early: Sequence[Message]
    late: Sequence[Message]

    @classmethod
    def of(cls, ready: Ready, plan: ApplyPlan | None, more: Sequence[Message], *, is_silent: bool) -> Self:
        """Return the turn for a Ready; a silent replica campaigns for nothing."""
        late = [*ready.messages_after_persist, *more] if more else ready.messages_after_persist
        if is_silent:
            late = [message for message in late if message.kind not in _CAMPAIGN]
        return cls(ready, plan, ready.messages_before_persist, late)


def planned(entries: Sequence[Entry], consensus: ConsensusCore) -> ApplyPlan:
    """Take committed entries apart, and their changes of membership into effect."""
    effects: list[bytes] = []
    cursors: list[Cursor] = []
    catalog_version = 0
    membership: bytes | None = None
    for entry in entries:
        if entry.kind == EntryKind.NORMAL:
            content = decode_entry(entry.payload)
            effects += content.effects
            cursors += content.cursors
            catalog_version = max(catalog_version, content.catalog_version)
        elif entry.kind == EntryKind.MEMBERSHIP:
            membership = consensus.apply_membership(MembershipChange.decode(entry.payload)).encode()
    return ApplyPlan(int(entries[-1].index), effects, cursors, catalog_version, membership)


def withholds(message: Message) -> Message | None:
    """Return what a replica without whole data makes of a message it must not follow; None = it may be followed.

    An append becomes a heartbeat, which moves no log; the request to campaign becomes a heartbeat too, of a leader that
    still leads.
    """
    if message.kind not in (MessageKind.APPEND, MessageKind.TIMEOUT_NOW):
        return None
    return Message(MessageKind.HEARTBEAT, message.sender, message.recipient, message.term)


def rejection(message: Message, life: int) -> list[Message]:
    """Return the answer to a withheld message: an append is rejected as by an empty log, in this life of a recovery."""
    if message.kind is not MessageKind.APPEND:
        return []
    return [
        Message(
            MessageKind.APPEND_REPLY,
            message.recipient,
            message.sender,
            message.term,
            log_term=Term(0),
            index=message.index,
            reject=True,
            reject_hint=Index(0),
            recovering=life,
        )
    ]
