"""One shape for what our core and the oracle report, so that the two can be compared."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from node.consensus.types import Entry, EntryKind, Membership, Message, SnapshotMetadata
from tests.support.oracle.pipe import Report

MESSAGE_KINDS = {
    "MsgApp": "APPEND",
    "MsgAppResp": "APPEND_REPLY",
    "MsgHeartbeat": "HEARTBEAT",
    "MsgHeartbeatResp": "HEARTBEAT_REPLY",
    "MsgVote": "VOTE",
    "MsgVoteResp": "VOTE_REPLY",
    "MsgSnap": "SNAPSHOT",
    "MsgTimeoutNow": "TIMEOUT_NOW",
}
ROLES = {"StateFollower": "follower", "StateCandidate": "candidate", "StateLeader": "leader"}
FORCED = "CampaignTransfer"

Shape = dict[str, Any]


@dataclass(slots=True)
class Deeds:
    """Everything one replica did because of one command."""

    state: Shape = field(default_factory=dict)
    written: list[Shape] = field(default_factory=list)
    committed: list[Shape] = field(default_factory=list)
    reads: list[tuple[int, int]] = field(default_factory=list)
    # By recipient: between recipients the order is nobody's business.
    messages: dict[int, list[Shape]] = field(default_factory=dict)

    def send(self, message: Shape) -> None:
        """Add a message."""
        self.messages.setdefault(message["recipient"], []).append(message)


def entry_shape(entry: Entry) -> Shape:
    """Return one of our entries. Membership changes are encoded differently on both sides."""
    payload = "" if entry.kind is EntryKind.MEMBERSHIP else entry.payload.decode()
    return {"term": entry.term, "index": entry.index, "kind": entry.kind.name, "payload": payload}


def membership_shape(membership: Membership) -> Shape:
    """Return one of our memberships."""
    return {
        "voters": list(membership.voters),
        "outgoing": list(membership.voters_outgoing),
        "learners": list(membership.learners),
        "learners_next": list(membership.learners_next),
    }


def snapshot_shape(snapshot: SnapshotMetadata | None) -> Shape | None:
    """Return one of our snapshots."""
    if snapshot is None:
        return None
    return {"index": snapshot.index, "term": snapshot.term, "membership": membership_shape(snapshot.membership)}


def message_shape(message: Message) -> Shape:
    """Return one of our messages. Rounds are ours alone: the oracle names its reads instead."""
    return {
        "kind": message.kind.name,
        "sender": message.sender,
        "recipient": message.recipient,
        "term": message.term,
        "log_term": message.log_term,
        "index": message.index,
        "commit": message.commit,
        "reject": message.reject,
        "reject_hint": message.reject_hint,
        "force": message.force,
        "entries": [entry_shape(entry) for entry in message.entries],
        "snapshot": snapshot_shape(message.snapshot),
    }


def oracle_deeds(report: Report) -> Deeds:
    """Return what the oracle reports."""
    deeds = Deeds(
        state={
            "term": report["Term"],
            "vote": report["Vote"],
            "commit": report["Commit"],
            "leader": report["Leader"],
            "role": ROLES[report["Role"]],
            "membership": _oracle_membership(report["Members"]),
        },
        written=_oracle_entries(report["Written"]),
        committed=_oracle_entries(report["Committed"]),
        reads=[(int(read["Context"]), read["Index"]) for read in report["Reads"] or ()],
    )
    for message in report["Messages"] or ():
        deeds.send(_oracle_message(message))
    return deeds


def _oracle_entries(entries: Iterable[Shape] | None) -> list[Shape]:
    return [
        {"term": entry["Term"], "index": entry["Index"], "kind": entry["Kind"], "payload": entry["Payload"]}
        for entry in entries or ()
    ]


def _oracle_membership(members: Shape) -> Shape:
    return {
        "voters": sorted(members["Voters"] or ()),
        "outgoing": sorted(members["Outgoing"] or ()),
        "learners": sorted(members["Learners"] or ()),
        "learners_next": sorted(members["LearnersNext"] or ()),
    }


def _oracle_message(message: Shape) -> Shape:
    snapshot = message["Snapshot"]
    return {
        "kind": MESSAGE_KINDS[message["Kind"]],
        "sender": message["Sender"],
        "recipient": message["Recipient"],
        "term": message["Term"],
        "log_term": message["LogTerm"],
        "index": message["Index"],
        "commit": message["Commit"],
        "reject": message["Reject"],
        "reject_hint": message["RejectHint"],
        "force": message["Context"] == FORCED,
        "entries": _oracle_entries(message["Entries"]),
        "snapshot": snapshot
        and {
            "index": snapshot["Index"],
            "term": snapshot["Term"],
            "membership": _oracle_membership(snapshot["Members"]),
        },
    }
