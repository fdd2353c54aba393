"""Keeps out what a node said in an earlier life: messages may be on their way for long, and what they promise may be lost.

Knows the newest life heard of, of each node. What it forgets in a restart is not needed: an answer from before counts only for a
leader or a candidate of that time, and after a restart this node is neither in the terms it was in.
"""

from typing import Final

from wire.catalog import NodeId

FORMER_DISKS_KEPT: Final = 64


class Fence:
    """Judge messages by the life they were sent in."""

    def __init__(self) -> None:
        self._newest: dict[NodeId, tuple[str, int]] = {}
        self._former: dict[NodeId, list[str]] = {}
        self.dropped = 0

    def admits(self, node: NodeId, disk: str, life: int) -> bool:
        """Tell whether a message is from the newest life known of its sender, which it may be the first sign of."""
        newest = self._newest.get(node)
        if newest == (disk, life) or not disk:
            # Versions before this one name no disk.
            return True
        if newest is not None and self._is_older(node, newest, disk, life):
            self.dropped += 1
            return False
        if newest is not None and newest[0] != disk:
            self.replaced(node, newest[0])
        self._newest[node] = (disk, life)
        return True

    def replaced(self, node: NodeId, *disks: str) -> None:
        """Note that a node has other disks than these now."""
        self._former[node] = [*self._former.get(node, []), *disks][-FORMER_DISKS_KEPT:]

    def _is_older(self, node: NodeId, newest: tuple[str, int], disk: str, life: int) -> bool:
        if disk == newest[0]:
            return life < newest[1]
        return disk in self._former.get(node, ())
