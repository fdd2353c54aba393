"""What a node has of its region's partitions, as its way into the region needs it: founded, lost, and how far their logs reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from node.joining.introductions import LogEnd
from node.partition.lost_logs import has_begun, lose_to, lost_reason
from node.partition.node_driver import NodeDriver
from node.partition.stored_log import found_to
from node.storage.batch import WriteBatch
from node.storage.engine import Engine
from node.storage.log import log_end
from wire.catalog import CATALOG_PARTITION, NodeId, PartitionId, Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicasHere:
    """Satisfy `node.joining.joiner.Replicas`."""

    node: NodeId
    engine: Engine
    driver: NodeDriver
    placements: Mapping[PartitionId, Placement]
    found_catalog: Callable[[WriteBatch], None]
    """Write the rows that the catalog begins with."""

    def found_to(self, batch: WriteBatch, *, alone_only: bool) -> None:
        """Write the first state of the replicas here; with `alone_only`, of those that are the only ones of their group."""
        founded = [each for each in self._here() if len(each.replicas) == 1 or not alone_only]
        found_to(batch, self.engine, self.node, founded)
        if any(each.partition == CATALOG_PARTITION for each in founded):
            self.found_catalog(batch)

    def lose_to(self, batch: WriteBatch, lost: Mapping[PartitionId, str] | str) -> None:
        """Mark replicas that are not open as lost, all (for one reason) or some, unless nobody else has one."""
        for partition, reason in self._lost(lost).items():
            lose_to(batch, partition, reason)

    def begin_loss(self, lost: Mapping[PartitionId, str] | str) -> None:
        """Have open replicas begin anew as lost, together."""
        found = self._lost(lost)
        self.driver.begin_loss(found, "; ".join(dict.fromkeys(found.values())))

    def ends(self) -> Mapping[PartitionId, LogEnd]:
        """Return where the logs end that are not marked as lost."""
        with self.engine.snapshot() as view:
            whole = [
                each.partition
                for each in self._here()
                if has_begun(view, each.partition) and lost_reason(view, each.partition) is None
            ]
            return {partition: LogEnd(*log_end(view, partition)) for partition in whole}

    def acknowledged(self, node: NodeId) -> Mapping[PartitionId, LogEnd]:
        """Return what a node has acknowledged to the leaders here."""
        return {partition: LogEnd(*end) for partition, end in self.driver.acknowledged(node).items()}

    def _here(self) -> list[Placement]:
        return [each for each in self.placements.values() if self.node in each.nodes()]

    def _lost(self, lost: Mapping[PartitionId, str] | str) -> Mapping[PartitionId, str]:
        shared = [each.partition for each in self._here() if len(each.replicas) > 1]
        if isinstance(lost, str):
            return dict.fromkeys(shared, lost)
        return {partition: reason for partition, reason in lost.items() if partition in shared}
