"""Keeps out what a node said in an earlier life: messages may be on their way for long, and what they promise may be lost.

Of each node it knows the disk that the node itself has named last when it was introduced, or was asked; a message from any other
disk is not from the present. What is forgotten here in a restart is not needed: an answer from before counts only for a leader or
a candidate of that time, and after a restart this node is neither in the terms it was in.
"""

from collections.abc import Collection

from wire.catalog import NodeId


class Fence:
    """Judge messages by the life they were sent in."""

    def __init__(self) -> None:
        self._newest: dict[NodeId, tuple[str, int]] = {}
        self.dropped = 0

    def admits(self, node: NodeId, disk: str, life: int) -> bool:
        """Tell whether a message is from the newest life known of its sender, or from a later one of that disk."""
        newest = self._newest.get(node)
        if newest == (disk, life) or not disk:
            # Versions before this one name no disk.
            return True
        if newest is not None and (disk != newest[0] or life < newest[1]):
            self.dropped += 1
            return False
        self._newest[node] = (disk, life)
        return True

    def introduced(self, node: NodeId, disk: str, life: int, former: Collection[str] = ()) -> None:
        """Note what a node has said of itself; that may have been before it lost that disk, which is one of its former ones then."""
        newest = self._newest.get(node)
        if newest is None or (disk != newest[0] and disk not in former) or (disk == newest[0] and life > newest[1]):
            self._newest[node] = (disk, life)

    def told(self, node: NodeId, disk: str, life: int, former: Collection[str]) -> None:
        """Note what somebody else remembers of a node, which may be older than what is known here."""
        newest = self._newest.get(node)
        if newest is None or newest[0] == disk or newest[0] in former:
            self.introduced(node, disk, life)
