"""Logs that were lost with a disk: how a replica that began with nothing comes back without breaking a promise.

A first member on an empty disk may be new, or may have forgotten votes and entries that it has acknowledged. It cannot
tell, so it takes entries but gives no vote to anybody with a log, and does not campaign when asked, until it has all that
was committed when the present leader was elected. A leader that knows of acknowledged entries cannot send them again: it
must let another one lead, which begins by asking.

Pure. Knows what is held back and for how long; refuses to know where messages come from. What it remembers does not
survive a restart: by then the disk is no longer empty.
"""

from dataclasses import replace

from node.consensus.bootstrap import BOOTSTRAP_INDEX, BOOTSTRAP_TERM
from node.consensus.core import ConsensusCore
from node.consensus.types import Index, Message, MessageKind, ReplicaId, Role, Term

SAFE_VOTERS_MAX = 2
"""In groups this small every voter has every committed entry, so that anybody but the empty one may lead."""

_VOTES = (MessageKind.VOTE, MessageKind.PRE_VOTE)
_FROM_LEADER = (MessageKind.APPEND, MessageKind.HEARTBEAT)


class LostLog:
    """The follower's side: be careful while this replica may have forgotten something."""

    def __init__(self, consensus: ConsensusCore) -> None:
        status = consensus.status()
        self._consensus = consensus
        self.is_possible = (status.term, status.last_index) == (BOOTSTRAP_TERM, BOOTSTRAP_INDEX)

    def screened(self, message: Message) -> tuple[Message | None, Message | None]:
        """Return what to make of a message (None = drop it), and an answer that consensus would not give."""
        consensus = self._consensus
        if consensus.committed_in_term:
            # It leads: the others had no more than it has.
            self.is_possible = False
            return message, None
        if message.kind in _VOTES and message.index > BOOTSTRAP_INDEX:
            return (None if len(consensus.membership.voters) > SAFE_VOTERS_MAX else message), None
        if message.kind is MessageKind.TIMEOUT_NOW:
            return None, None
        if message.kind is MessageKind.HEARTBEAT and message.commit > consensus.last_index:
            return replace(message, commit=Index(0)), self._confession(message)
        return message, None

    def stepped(self, message: Message) -> None:
        """Note that a message was taken in: it may have shown that nothing is missing any more."""
        if message.kind not in _FROM_LEADER:
            return
        consensus, commit = self._consensus, message.commit
        is_committed = BOOTSTRAP_INDEX < commit <= consensus.commit
        # An entry of the leader's own term: whatever was committed before its election lies below.
        if is_committed and consensus.term_of(commit) == message.term == consensus.term:
            self.is_possible = False

    def _confession(self, message: Message) -> Message:
        return Message(
            MessageKind.APPEND_REPLY,
            message.recipient,
            message.sender,
            message.term,
            log_term=Term(0),
            index=message.commit,
            reject=True,
            reject_hint=BOOTSTRAP_INDEX,
        )


class LostFollowers:
    """The leader's side: which followers have lost what they acknowledged to it."""

    def __init__(self, consensus: ConsensusCore) -> None:
        self._consensus = consensus
        self._term = 0
        self._lost: frozenset[ReplicaId] = frozenset()

    def present(self) -> frozenset[ReplicaId]:
        """Return the followers that this leader cannot bring forward in this term."""
        return self._lost if self._term == self._consensus.term else frozenset()

    def screens_off(self, message: Message) -> bool:
        """Tell whether a message comes from such a follower: it must count for no quorum and no lease."""
        if self._lost and message.sender in self.present():
            return message.term <= self._term
        consensus = self._consensus
        if not message.reject or message.kind is not MessageKind.APPEND_REPLY or consensus.role is not Role.LEADER:
            return False
        if message.term != consensus.term or message.reject_hint > BOOTSTRAP_INDEX:
            return False
        if self._acknowledged_by(message.sender) <= BOOTSTRAP_INDEX:
            return False
        self._lost, self._term = self.present() | {message.sender}, int(consensus.term)
        return True

    def _acknowledged_by(self, follower: ReplicaId) -> int:
        peers = self._consensus.status().peers
        return next((peer.match for peer in peers if peer.replica == follower), 0)
