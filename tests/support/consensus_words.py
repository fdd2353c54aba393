"""How consensus values are shown in transcripts and traces: one short line each, the same every time."""

from collections.abc import Iterable

from node.consensus.types import (
    Entry,
    EntryKind,
    Membership,
    MembershipChange,
    MembershipStepKind,
    Message,
    MessageKind,
    Ready,
    SnapshotMetadata,
)

_SIGNS = {MembershipStepKind.ADD_VOTER: "v", MembershipStepKind.ADD_LEARNER: "l", MembershipStepKind.REMOVE: "r"}


def entry_words(entry: Entry) -> str:
    """Show an entry as term/index and what it holds."""
    match entry.kind:
        case EntryKind.EMPTY:
            content = " empty"
        case EntryKind.MEMBERSHIP:
            content = f" {change_words(MembershipChange.decode(entry.payload))}"
        case EntryKind.NORMAL:
            content = f" {entry.payload.decode()!r}" if len(entry.payload) <= 16 else f" {len(entry.payload)} bytes"
    return f"{entry.term}/{entry.index}{content}"


def entries_words(entries: Iterable[Entry]) -> str:
    """Show entries as a list."""
    return f"[{', '.join(map(entry_words, entries))}]"


def change_words(change: MembershipChange) -> str:
    """Show a membership change: v4 makes 4 a voter, l4 a learner, r4 removes it."""
    steps = " ".join(f"{_SIGNS[step.kind]}{step.replica}" for step in change.steps)
    return f"change({steps or 'leave'})"


def membership_words(membership: Membership) -> str:
    """Show a membership; joint ones have two sets of voters."""
    words = f"voters={_ids(membership.voters)}"
    if membership.is_joint:
        words += f"&{_ids(membership.voters_outgoing)}"
    if membership.learners:
        words += f" learners={_ids(membership.learners)}"
    if membership.learners_next:
        words += f" learners_next={_ids(membership.learners_next)}"
    return words + (" auto_leave" if membership.auto_leave else "")


def _ids(replicas: Iterable[int]) -> str:
    return f"({' '.join(map(str, replicas))})"


def snapshot_words(snapshot: SnapshotMetadata) -> str:
    """Show a snapshot's metadata."""
    return f"snapshot {snapshot.term}/{snapshot.index} {membership_words(snapshot.membership)}"


def message_words(message: Message) -> str:
    """Show a message with the fields its kind uses."""
    words = f"{message.sender}->{message.recipient} {message.kind.name} term={message.term}"
    match message.kind:
        case MessageKind.APPEND:
            words += f" after={message.log_term}/{message.index} commit={message.commit}"
            words += f" {entries_words(message.entries)}" if message.entries else ""
        case MessageKind.APPEND_REPLY:
            words += f" index={message.index}"
            words += f" rejected hint={message.log_term}/{message.reject_hint}" if message.reject else ""
        case MessageKind.HEARTBEAT:
            words += f" commit={message.commit} round={message.context}"
        case MessageKind.HEARTBEAT_REPLY:
            words += f" round={message.context}"
        case MessageKind.VOTE | MessageKind.PRE_VOTE:
            words += f" last={message.log_term}/{message.index}" + (" forced" if message.force else "")
        case MessageKind.VOTE_REPLY | MessageKind.PRE_VOTE_REPLY:
            words += " rejected" if message.reject else " granted"
        case MessageKind.SNAPSHOT:
            assert message.snapshot is not None
            words += f" {snapshot_words(message.snapshot)}"
        case MessageKind.TIMEOUT_NOW:
            pass
    return words


def ready_lines(ready: Ready) -> list[str]:
    """Show a Ready, one line for each thing there is to do, in the order in which to do it."""
    lines = []
    if ready.soft_state is not None:
        lines.append(f"now {ready.soft_state.role.value}, leader {ready.soft_state.leader}")
    lines += [f"send {message_words(message)}" for message in ready.messages_before_persist]
    if ready.snapshot is not None:
        lines.append(f"install {snapshot_words(ready.snapshot)}")
    if ready.entries:
        lines.append(f"put {entries_words(ready.entries)}")
    if ready.hard_state is not None:
        state = ready.hard_state
        lines.append(f"put term={state.term} vote={state.vote} commit={state.commit}")
    if ready.must_sync:
        lines.append("sync")
    lines += [f"send {message_words(message)}" for message in ready.messages_after_persist]
    if ready.committed:
        lines.append(f"apply {entries_words(ready.committed)}")
    lines += [f"read {state.context} at index {state.index}" for state in ready.read_states]
    return lines
