"""What a turn says, as rows: the log, the vote and what is applied, into the one batch that makes them durable together.

Knows what is stored and in which order. Refuses to know when a batch is written, and what may leave before and after.
"""

from collections.abc import Callable

from node.consensus.types import Entry, Ready
from node.partition.log_trim import LogTrim
from node.partition.machine import StateMachine
from node.partition.quarantine import quarantine_to
from node.partition.rows import Progress, read_progress, write_cursor, write_progress
from node.partition.turns import ApplyPlan, Turn
from node.storage.batch import WriteBatch
from node.storage.engine import Transaction
from node.storage.errors import DamagedRecord
from node.storage.log import LogStore
from wire.catalog import PartitionId


class TurnRows:
    """Write the turns of one replica into batches."""

    def __init__(
        self,
        partition: PartitionId,
        machine: StateMachine,
        log: LogStore[Entry],
        trim: LogTrim,
        damaged: Callable[[str], None],
        can_be_rebuilt: bool,
    ) -> None:
        self._partition = partition
        self._machine = machine
        self._log = log
        self._trim = trim
        self._damaged = damaged
        self._can_be_rebuilt = can_be_rebuilt
        self._trimmed_to = 0

    def write(self, batch: WriteBatch, turn: Turn) -> None:
        """Add everything a turn stores to a batch."""
        self._write_ready(batch, turn.ready)
        if turn.plan is not None:
            self._write_plan(batch, turn.plan)

    def trim(self, batch: WriteBatch) -> int:
        """Delete the log's beginning in a batch, if it is longer than it should be; return up to where, or 0."""
        # What is on its way to the disk counts as gone: it cannot be asked for a second time.
        start = max(self._log.start.index, self._trimmed_to)
        target = self._trim.target(start, self._log.applied_index)
        if target <= start:
            return 0
        self._trimmed_to = target
        self._log.compact_to(batch, target)
        return target

    def _write_ready(self, batch: WriteBatch, ready: Ready) -> None:
        log = self._log
        if ready.snapshot is not None:
            snapshot = ready.snapshot
            log.reset_to(batch, snapshot.index, snapshot.term, snapshot.membership.encode())
        if ready.entries:
            log.append_to(batch, ready.entries)
            for entry in ready.entries:
                self._trim.appended(entry.index, len(entry.payload))
        if ready.hard_state is not None:
            hard_state = ready.hard_state
            log.set_hard_state_to(batch, hard_state.term, hard_state.vote, hard_state.commit)

    def _write_plan(self, batch: WriteBatch, plan: ApplyPlan) -> None:
        if plan.has_rows:
            machine, partition = self._machine, self._partition
            found: list[str] = []

            def apply(transaction: Transaction) -> None:
                # Perhaps once more than is committed, then the last run is the one that counts.
                found.clear()
                try:
                    applied(transaction)
                except DamagedRecord as error:
                    if not self._can_be_rebuilt:
                        raise
                    # What the plan comes to is not whole, and says so from the same transaction on: the others of the node go on.
                    found.append(str(error))
                    quarantine_to(transaction, partition, found[0])

            def applied(transaction: Transaction) -> None:
                before = read_progress(transaction, partition)
                sequence = machine.apply(plan.effects, before.sequence, transaction)
                for cursor in plan.cursors:
                    write_cursor(transaction, partition, cursor.name, cursor.value)
                after = Progress(sequence, max(before.catalog_version, plan.catalog_version))
                if after != before:
                    write_progress(transaction, partition, after)

            batch.call(apply)
            batch.after_commit(lambda: self._damaged(found[0]) if found else None)
            batch.bytes += sum(map(len, plan.effects))
        self._log.set_applied_to(batch, plan.through, plan.membership)
