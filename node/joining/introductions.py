"""What nodes say to one another when one of them starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from node.storage.lives import Life
from wire.catalog import NodeId, PartitionId

Founding = Mapping[NodeId, str]
"""The nodes that founded a region, each with the name of the disk that it had then."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a log: its last index and that entry's term."""

    index: int
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """Who a node is: its disk, the lives of that disk so far, the present one last, and what it knows of the founding."""

    node: NodeId
    disk: str
    lives: tuple[Life, ...] = ()
    founding: Founding | None = None
    is_lost: bool = False
    """Its disk takes the place of another one."""
    ends: Mapping[PartitionId, LogEnd] = field(default_factory=dict)
    """Where its logs end, those left out that count as lost anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquaintance:
    """What a node remembers of another one: its newest life known, disks it had before, and what it acknowledged."""

    node: NodeId
    disk: str
    life: Life
    former: tuple[str, ...] = ()
    acknowledged: Mapping[PartitionId, LogEnd] = field(default_factory=dict)
    """Of committed entries, by the leaders that knew of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why a node cannot be what it says, and which of its logs, if not all, have lost what they had acknowledged."""

    reason: str = ""
    lost: Mapping[PartitionId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a node says to an introduction: who it is itself, what it objects to, and whom else it knows."""

    introduction: Introduction
    objection: Objection = field(default_factory=Objection)
    acquaintances: tuple[Acquaintance, ...] = ()
