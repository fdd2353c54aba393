"""How a region is founded, once: who may begin groups of replicas, and who has come too late for that.

The founders are the nodes of the region with the disks that they had then. Every node keeps that list. The first node by name
proposes it when all nodes have said, with the names of their disks, that they know of no founding. The others write it down
before they say so, the one that proposed it last of all. Hence whoever finds an empty disk, the one that proposes
included, either meets a node that knows the founders, and its disk is not among them; or meets all nodes, and none
knows: then none has ever served anything, or all have lost what they had.

Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from node.joining.introductions import Founding, Introduction
from wire.catalog import NodeId


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing can be done before something changes; `why` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """Write down who founded the region: this node did, or has lost its disk since."""

    founding: Founding


@dataclass(frozen=True, slots=True)
class Proposed:
    """Have all others write down these founders, then do so too."""

    founding: Founding


Step = Waiting | Adopted | Proposed


def next_step(own: Introduction, nodes: Collection[NodeId], answers: Mapping[NodeId, Introduction]) -> Step:
    """Return what a node does that knows of no founding, given what the others have answered so far."""
    for answer in answers.values():
        if answer.founding is not None:
            return Adopted(answer.founding)
    missing = sorted(set(nodes) - {own.node, *answers})
    if missing:
        return Waiting(f"no founder is known, and {', '.join(missing)} did not answer")
    lost = sorted(each.node for each in (own, *answers.values()) if each.is_lost)
    if lost:
        return Waiting(f"no founder is known, and the disk of {', '.join(lost)} takes the place of another one")
    if own.node != min(nodes):
        return Waiting(f"{min(nodes)} proposes the founders")
    return Proposed({each.node: each.disk for each in (own, *answers.values())})


def accepts(own: Introduction, founding: Founding) -> bool:
    """Tell whether a node may write down founders that another one proposes: it knows none, and is one of them."""
    return own.founding is None and not own.is_lost and founding.get(own.node) == own.disk
