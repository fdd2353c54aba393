"""Every metric of a router, by name. A text says what a number means and what to make of it."""

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

# Requests.
REQUESTS: Final = counter(
    "globetable_requests_total",
    "Requests of clients by operation and the code they were answered with: OK, or the name of AWS's error. ServiceUnavailable and "
    "InternalServerError (HTTP 5xx) are tried again by SDKs; the others are the client's. `unknown` are operations that there are not.",
    *("operation", "code"),
)
REQUEST_SECONDS: Final = histogram(
    "globetable_request_duration_seconds",
    "From a request's arrival to its answer, refusals included; reading it from the network and sending the answer are not in it.",
    "operation",
)
CAUSES: Final = counter(
    "globetable_request_causes_total",
    "Of requests answered with HTTP 5xx, what lay behind: Overloaded (too many wait), NotLeader (no leader in time), NotReady (no node "
    "reached, or it is catching up), UnknownOutcome (the connection or the leader was lost meanwhile), StorageFull, DeadlineExceeded.",
    *("operation", "code"),
)
CONNECTIONS: Final = gauge("globetable_http_connections", "Connections of clients, idle ones included.")

# Nodes.
NODE_UP: Final = gauge(
    "globetable_node_up", "1 while this router's stream to a storage node of its region is up, else 0.", "node"
)
NODE_IN_FLIGHT: Final = gauge(
    "globetable_node_requests_in_flight",
    "Commands to a storage node that are not answered yet. At 8192 further ones are refused as Overloaded.",
    "node",
)
NODE_QUEUED: Final = gauge(
    "globetable_node_requests_queued",
    "Of those in flight, commands that have not left this router yet: more than a batch means that the node, or the way to it, is slow.",
    "node",
)
NODE_BREAKS: Final = counter(
    "globetable_node_breaks_total", "Times that the stream to a storage node broke or was given up as silent.", "node"
)

# The gateway.
RECEIVED_CHANGES: Final = counter(
    "globetable_replication_received_changes_total",
    "Changes that other regions sent here and this region committed, by what became of them: applied, superseded (a later write was "
    "here already; last writer wins), forgotten (tombstones that every region has).",
    *("source", "destination", "outcome"),
)
RECEIVED_REFUSED: Final = counter(
    "globetable_replication_received_refusals_total",
    "Batches from other regions that were not taken; they are sent again. Normal while a partition here looks for a leader.",
    "destination",
)

METRICS: Final[tuple[Metric, ...]] = tuple(each for each in globals().values() if isinstance(each, Metric))
