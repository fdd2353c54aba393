"""What a node remembers of the others, and what it makes of one that introduces itself.

A node that returns with less than it is remembered for has lost something: its directory was put back from an older copy, or
changed hands. Three things tell. A disk that has been replaced never comes back. The marks of its lives must include the
newest that is remembered: a copy does not know the lives that came after it was made, and has other marks for their numbers
if it was started itself. And its logs must reach what it has acknowledged to a leader.

Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from node.joining.introductions import Acquaintance, Founding, Introduction, LogEnd, Objection
from node.storage.lives import Life
from wire.catalog import NodeId, PartitionId

FORMER_DISKS_KEPT: Final = 64


def objection_to(introduction: Introduction, known: Acquaintance | None, founding: Founding | None) -> Objection:
    """Return what speaks against an introduction; an empty objection when nothing does."""
    if known is None:
        return Objection()
    # Of the disks that a node had one after the other, the one of the founding is the first.
    is_first = founding is not None and founding.get(known.node) == introduction.disk
    if introduction.disk in known.former or (is_first and introduction.disk != known.disk):
        return Objection(reason=f"disk {introduction.disk} of {known.node} was replaced by {known.disk} long ago")
    if introduction.disk != known.disk:
        return Objection()
    if not _continues(introduction, known):
        return Objection(reason=f"{known.node} has lived on since this copy of disk {known.disk} was made")
    return Objection(lost=_shortened(introduction.ends, known.acknowledged))


def remembered(introduction: Introduction, known: Acquaintance | None) -> Acquaintance:
    """Return what to remember after an introduction that nothing speaks against."""
    life = introduction.lives[-1]
    if known is None:
        return Acquaintance(node=introduction.node, disk=introduction.disk, life=life)
    if introduction.disk == known.disk:
        return replace(known, life=max(life, known.life))
    former = (*known.former, known.disk)[-FORMER_DISKS_KEPT:]
    return Acquaintance(node=introduction.node, disk=introduction.disk, life=life, former=former)


def merged(told: Acquaintance, known: Acquaintance | None) -> Acquaintance:
    """Return what to remember of a node after another one has told what it knows of it."""
    if known is None:
        return told
    if told.disk == known.disk:
        life = max(told.life, known.life)
        former = tuple(dict.fromkeys((*known.former, *told.former)))[-FORMER_DISKS_KEPT:]
        return replace(known, life=life, former=former, acknowledged=_furthest(known, told))
    if known.disk in told.former:
        return told
    # Either the other one does not know of the newest disk yet, or each knows one that the other does not.
    return known


def acknowledging(known: Acquaintance, ends: Mapping[PartitionId, LogEnd]) -> Acquaintance:
    """Return what to remember of a node that has acknowledged committed entries up to these ends."""
    return replace(known, acknowledged={**known.acknowledged, **ends})


def fields_of(known: Acquaintance) -> dict[str, Any]:
    """Return what `acquaintance_of` makes the same acquaintance of, for a row."""
    acknowledged = {partition: (end.index, end.term) for partition, end in known.acknowledged.items()}
    return {"disk": known.disk, "life": known.life, "former": known.former, "acknowledged": acknowledged}


def acquaintance_of(node: NodeId, fields: Mapping[str, Any]) -> Acquaintance:
    """Return what was remembered of a node."""
    acknowledged = {PartitionId(int(each)): LogEnd(*end) for each, end in fields["acknowledged"].items()}
    return Acquaintance(
        node=node,
        disk=fields["disk"],
        life=Life(*fields["life"]),
        former=tuple(fields["former"]),
        acknowledged=acknowledged,
    )


def _continues(introduction: Introduction, known: Acquaintance) -> bool:
    marks = dict(introduction.lives)
    oldest = introduction.lives[0].number
    return known.life.number < oldest or marks.get(known.life.number) == known.life.mark


def _shortened(
    ends: Mapping[PartitionId, LogEnd], acknowledged: Mapping[PartitionId, LogEnd]
) -> dict[PartitionId, str]:
    found = {}
    for partition, known in acknowledged.items():
        end = ends.get(partition)
        # Only committed entries are remembered, so a log that has them ends no earlier and in no older term.
        if end is not None and (end.index < known.index or end.term < known.term):
            found[partition] = f"its log ends at {_shown(end)}, and it had acknowledged {_shown(known)}"
    return found


def _furthest(*acquaintances: Acquaintance) -> dict[PartitionId, LogEnd]:
    furthest: dict[PartitionId, LogEnd] = {}
    for partition, end in _all_ends(acquaintances):
        before = furthest.get(partition)
        if before is None or end.index > before.index:
            furthest[partition] = end
    return furthest


def _all_ends(acquaintances: Iterable[Acquaintance]) -> Iterable[tuple[PartitionId, LogEnd]]:
    for acquaintance in acquaintances:
        yield from acquaintance.acknowledged.items()


def _shown(end: LogEnd) -> str:
    return f"{end.index} of term {end.term}"
