"""A replica of ours and one of the oracle's, doing the same: any difference is an error of one of them."""

from collections.abc import Callable
from typing import Any

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.invariants import check
from node.consensus.types import (
    EntryKind,
    Index,
    Membership,
    MembershipChange,
    Message,
    NotLeader,
    Ready,
    Refused,
    Role,
)
from tests.support.consensus_log import MemoryLog
from tests.support.consensus_transcript import FixedOffset
from tests.support.oracle.pipe import OraclePipe, Report
from tests.support.oracle.shapes import Deeds, entry_shape, membership_shape, message_shape, oracle_deeds

Sent = tuple[Message, Report]
"""One message, ours and the oracle's."""


class Disagreement(AssertionError):
    """Our core and the oracle did different things."""


class PartingOfWays(Exception):
    """The two do different things on purpose from here on."""


class PairedReplica:
    """One replica, twice. Each command is done by both, and what they did is compared."""

    def __init__(self, pipe: OraclePipe, config: ConsensusConfig, members: Membership | None, **settings: object):
        self._pipe = pipe
        self._config = config
        self.disk = MemoryLog.bootstrapped(members) if members is not None else MemoryLog()
        self.core = self._started()
        shape = members and {"Voters": members.voters, "Learners": members.learners}
        self._compare(self._drained(), pipe.ask("add", config.id, Members=shape, **settings))

    def _started(self) -> ConsensusCore:
        return ConsensusCore(self._config, self.disk, FixedOffset(0), self.disk.applied)

    def do(self, action: Callable[[ConsensusCore], object], verb: str, **arguments: object) -> list[Sent] | None:
        """Have both do something; return what they sent, None when ours refused and nothing was done."""
        was_leader = self.core.role is Role.LEADER
        outcome = action(self.core)
        if isinstance(outcome, NotLeader | Refused) or outcome is False:
            return None
        ours = self._drained()
        if was_leader and not self.core.replica.is_promotable():
            # This version of the oracle leads on although it is no voter any more; ours steps down.
            raise PartingOfWays
        return self._compare(ours, self._pipe.ask(verb, self._config.id, **arguments))

    def restart(self) -> list[Sent]:
        """Restart both from their disks."""
        self.core = self._started()
        return self._compare(self._drained(), self._pipe.ask("restart", self._config.id))

    def compact(self, first: Index) -> list[Sent]:
        """Forget the log before first in both."""
        self.core.compacted(first)
        self.disk.compact(first)
        return self._compare(self._drained(), self._pipe.ask("compact", self._config.id, Index=first))

    def _drained(self) -> tuple[Deeds, list[Message]]:
        deeds, sent = Deeds(), list[Message]()
        while self.core.has_ready():
            ready = self.core.ready()
            self.disk.persist(ready)
            sent += ready.messages()
            self.core.advance(ready)
            self._note(deeds, ready)
            self._apply(ready)
        check(self.core)
        for message in sent:
            deeds.send(message_shape(message))
        status = self.core.status()
        deeds.state = {
            "term": status.term,
            "vote": status.vote,
            "commit": status.commit,
            "leader": status.leader,
            "role": status.role.value,
            "membership": membership_shape(status.membership),
        }
        return deeds, sent

    def _note(self, deeds: Deeds, ready: Ready) -> None:
        deeds.written += map(entry_shape, ready.entries)
        deeds.committed += map(entry_shape, ready.committed)
        deeds.reads += [(state.context, state.index) for state in ready.read_states]

    def _apply(self, ready: Ready) -> None:
        for entry in ready.committed:
            if entry.kind is EntryKind.MEMBERSHIP:
                self.disk.membership = self.core.apply_membership(MembershipChange.decode(entry.payload))
            self.disk.applied = entry.index
            self.core.applied_to(entry.index)

    def _compare(self, ours: tuple[Deeds, list[Message]], report: Report) -> list[Sent]:
        deeds, sent = ours
        theirs = oracle_deeds(report)
        if report["Error"]:
            raise Disagreement(f"replica {self._config.id}: the oracle refuses: {report['Error']}")
        for name in Deeds.__slots__:
            if getattr(deeds, name) != getattr(theirs, name):
                shown = f"\n  ours   {_shown(getattr(deeds, name))}\n  oracle {_shown(getattr(theirs, name))}"
                raise Disagreement(f"replica {self._config.id} disagrees on {name}:{shown}")
        return _paired(sent, report["Messages"] or [])


def _paired(ours: list[Message], theirs: list[Report]) -> list[Sent]:
    ours = sorted(ours, key=lambda message: message.recipient)
    theirs = sorted(theirs, key=lambda message: int(message["Recipient"]))
    return list(zip(ours, theirs, strict=True))


def _shown(value: Any) -> str:
    return "\n         ".join(str(part) for part in value.items()) if isinstance(value, dict) else str(value)
