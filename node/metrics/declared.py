"""Every metric of a node, by name. A text says what a number means and what to make of it."""

from typing import Final

from wire.metrics import Metric, counter, gauge, histogram

INFO: Final = gauge(
    "globetable_info",
    "Who this process is, as labels; always 1. Join it to give other metrics these labels.",
    *("region", "process", "role", "zone"),
)
READY: Final = gauge(
    "globetable_ready", "1 while the process serves, as GET /health tells; 0 while it starts or stops."
)
CATALOG_VERSION: Final = gauge(
    "globetable_catalog_version",
    "Version of the catalog (tables, indexes, placements, links) that this process knows. Processes of a region differ for moments only.",
)

CLOCK_OFFSET: Final = gauge(
    "globetable_clock_offset_seconds",
    "How far this machine's wall clock is ahead of the region's time, which is what a majority of its nodes says and never goes back. "
    "Beyond max_clock_skew_ms the node leads nothing until its clock is right.",
)

# Requests.
COMMANDS: Final = counter(
    "globetable_node_commands_total",
    "Commands that routers sent to this node, by kind. One request of a client is one command or, if it is a batch, several.",
    "command",
)
REFUSED: Final = counter(
    "globetable_node_refused_total",
    "Commands that this node did not carry out, by why. NotLeader and StaleEpoch are corrected by the router and cost one more try; "
    "Overloaded means that too many wait for a partition or come from one router; StorageFull that the disk is full.",
    "code",
)
FORWARDED: Final = counter(
    "globetable_node_forwarded_total",
    "Requests that this node has passed on to a leader that their sender cannot reach. More than a few say that two processes of the "
    "region, or the network between them, do not hear each other; `globetable_node_up` of the region's routers tells which.",
)
ROUTERS: Final = gauge(
    "globetable_node_routers",
    "Processes of routers that are connected to this node: of each router its workers, and its gateway.",
)
WAITING: Final = gauge(
    "globetable_partition_waiting_requests",
    "Requests that a partition here has taken and not answered: writes before they are committed, strong reads before they are certain. "
    "At 8192 new ones are refused as Overloaded.",
    "partition",
)

# Consensus.
LEADS: Final = gauge(
    "globetable_partition_leads",
    "1 where this node leads a partition and serves, else 0. The sum over a region's nodes is 1 for each partition; 0 = nobody leads it.",
    "partition",
)
TERM: Final = gauge(
    "globetable_partition_term",
    "Consensus term of a replica. Each election begins a new one, so one that keeps growing is a partition that finds no peace.",
    "partition",
)
LOG_ENTRIES: Final = gauge(
    "globetable_partition_log_entries",
    "Entries in a replica's log, which is trimmed once they are applied; a follower that needs older ones gets a snapshot.",
    "partition",
)
UNAPPLIED: Final = gauge(
    "globetable_partition_unapplied_entries",
    "Entries that a replica knows to be committed and has not applied durably. Usually a few, for some milliseconds.",
    "partition",
)
PARTITION_CONDITION: Final = gauge(
    "globetable_partition_condition",
    "1 while something is wrong with a replica here, by what it is, else 0. installing: it receives a snapshot; recovering: it lost its "
    "log and counts for no quorum; quarantined: it holds damaged data; cannot-follow: it cannot take what its leader sends; storage-full: "
    "it refuses writes. Replicas mend themselves of all of these but cannot-follow; a full disk wants space.",
    *("partition", "condition"),
)
NODE_CONDITION: Final = gauge(
    "globetable_node_condition",
    "1 while something is wrong with this node as a whole, by what it is, else 0. storage-full: the disk has less than 16 MiB to write to; "
    "storage-failing: the disk answers with errors; clock-refused: its clock is not what a majority of its region says.",
    "condition",
)
ELECTIONS: Final = counter(
    "globetable_elections_total", "Elections that replicas here called. A calm cluster calls none for days."
)
LEADER_CHANGES: Final = counter(
    "globetable_leader_changes_total",
    "Times that a replica here came to know the leader of a further term, handed over or elected, be it the same node again.",
)
LEADERSHIPS_WON: Final = counter(
    "globetable_leaderships_won_total", "Times that a replica here began to lead and serve its partition."
)
LEADERSHIPS_LOST: Final = counter(
    "globetable_leaderships_lost_total", "Times that a replica here ceased to lead, handing over included."
)
SNAPSHOTS: Final = counter(
    "globetable_snapshots_total",
    "Snapshots of whole partitions: sent to replicas that fell behind the log, not_sent because that failed, installed here.",
    "outcome",
)
QUARANTINES: Final = counter(
    "globetable_quarantines_total",
    "Times that a replica here was found to hold damaged data. It answers nothing more then and is rebuilt from the others, so this should "
    "stay at 0 on a disk that is well.",
)
SCRUBS: Final = counter(
    "globetable_scrubs_total",
    "Scrubs completed: each holds everything on the disk against its checksums and digests. One per scrub_seconds.",
)
SCRUBBED_BYTES: Final = counter(
    "globetable_scrubbed_bytes_total", "Bytes that scrubs have read, a row and its key each."
)
PEER_UP: Final = gauge(
    "globetable_peer_up", "1 while consensus messages reach another node of the region, else 0.", "peer"
)
PEER_QUEUED: Final = gauge(
    "globetable_peer_queued_messages",
    "Consensus messages waiting to leave for another node. The oldest are dropped when there are too many; consensus sends again.",
    "peer",
)
PEER_DROPPED: Final = counter(
    "globetable_peer_dropped_messages_total",
    "Consensus messages dropped because another node could not be reached or did not keep up.",
    "peer",
)

# Storage.
COMMIT_SECONDS: Final = histogram(
    "globetable_commit_duration_seconds",
    "Duration of transactions of the one storage writer, the fsync included: what every write waits for, on each node of a majority.",
)
COMMIT_BATCHES: Final = histogram(
    "globetable_commit_batches",
    "Batches (log appends and applied entries of any partition) that share a transaction and its fsync. Grows with load, which is the "
    "point of sharing.",
)
COMMIT_FULL: Final = counter(
    "globetable_commits_refused_total", "Transactions that failed because the disk was full; they are tried again."
)
WRITER_QUEUE: Final = gauge(
    "globetable_writer_queue_batches",
    "Batches that wait for the storage writer or are being written. At 16384 partitions hold theirs back and try again.",
)
APPLY_SECONDS: Final = histogram(
    "globetable_apply_duration_seconds",
    "From when a replica here knew that entries are committed until their effects were durable in its items; clients do not wait for it.",
)
STORAGE_USED: Final = gauge(
    "globetable_storage_used_bytes",
    "Size of the data file up to its last page ever used. Pages of deleted items are used again, and the file does not shrink.",
)
STORAGE_MAP: Final = gauge(
    "globetable_storage_map_bytes",
    "Size of the memory map, which doubles when the data file fills it; address space only, it takes no memory by itself.",
)
STORAGE_FREE: Final = gauge("globetable_storage_disk_free_bytes", "Space left on the disk that holds the data.")
STORAGE_WRITABLE: Final = gauge(
    "globetable_storage_writable_bytes",
    "Space that can still be written: free on the disk, or reserved by this node. Below 16 MiB writes are refused, reads go on.",
)

# Replication.
LINK_UP: Final = gauge(
    "globetable_replication_link_up",
    "1 while this node is connected to the gateway of the destination region and nobody has cut or paused the link, else 0.",
    *("source", "destination"),
)
LINK_LAG: Final = gauge(
    "globetable_replication_lag_seconds",
    "Age of the oldest change that the destination region has not acknowledged, whatever the reason, over the partitions led here; 0 = it "
    "has everything.",
    *("source", "destination"),
)
LINK_PENDING: Final = gauge(
    "globetable_replication_pending_records",
    "Sequence numbers between the last change acknowledged by the destination region and the last one here, summed over the partitions "
    "led here; tables that are not replicated use numbers up, too.",
    *("source", "destination"),
)
LINK_HELD: Final = gauge(
    "globetable_replication_held_changes",
    "Changes that the destination region holds back, because their versions are too far ahead of its clock, over the partitions led here. "
    "They were written while clocks were wrong, and go when their time has come: see `globetable link held`.",
    *("source", "destination"),
)
LINK_BACKFILLS: Final = gauge(
    "globetable_replication_backfilling_tables",
    "Tables that are being copied to a new replica in the destination region, counted once per partition led here.",
    *("source", "destination"),
)
LINK_APPLIED: Final = counter(
    "globetable_replication_applied_changes_total",
    "Changes sent from here that the destination region committed as the latest version of their item.",
    *("source", "destination"),
)
LINK_SUPERSEDED: Final = counter(
    "globetable_replication_superseded_changes_total",
    "Changes sent from here that had lost when they arrived: the destination region held a later version already. Last writer wins.",
    *("source", "destination"),
)
LINK_REFUSED: Final = counter(
    "globetable_replication_refused_batches_total",
    "Batches that the destination region did not take; they are sent again. Normal while a partition there looks for a leader.",
    *("source", "destination"),
)
LINK_BREAKS: Final = counter(
    "globetable_replication_link_breaks_total",
    "Connections to the destination region's gateway that ended.",
    *("source", "destination"),
)
SUPERSEDED: Final = counter(
    "globetable_superseded_writes_total",
    "Writes on this node's leaders that another region's later write replaced, or that came from there and had lost already: what the "
    "conflict journal in the log shows one by one.",
)

# Streams, indexes and expiry.
TRIMMED_RECORDS: Final = counter(
    "globetable_stream_trimmed_records_total",
    "Change records deleted because they were older than the streams' retention. Every replica trims its own.",
)
TRIMMED_BYTES: Final = counter("globetable_stream_trimmed_bytes_total", "Bytes of the change records deleted so.")
INDEX_PENDING: Final = gauge(
    "globetable_index_pending_records",
    "Sequence numbers that a global index is behind its table, summed over the partitions led here; other tables use numbers up, too. "
    "Of more than 500 indexes, those furthest behind.",
    *("table", "index"),
)
INDEX_COPYING: Final = gauge(
    "globetable_index_copying_partitions",
    "Partitions led here that still copy their items into a global index, which is readable once no partition does.",
    *("table", "index"),
)
EXPIRED: Final = counter(
    "globetable_expired_items_total",
    "Due rows of expiry indexes that leaders here have settled: items deleted by time to live, and the few that had changed meanwhile.",
)

METRICS: Final[tuple[Metric, ...]] = tuple(each for each in globals().values() if isinstance(each, Metric))
