"""The numbers of DynamoDB's service contract, and the bounds of our own queues and messages.

Sources: AWS's "Quotas and limits" page and botocore's service model. Names carry their unit last.
"""

from typing import Final

ITEM_BYTES_MAX: Final = 409_600
NESTING_LEVELS_MAX: Final = 31
NAME_BYTES_MAX: Final = 65_535
PARTITION_KEY_BYTES_MAX: Final = 2048
SORT_KEY_BYTES_MAX: Final = 1024
EXPRESSION_BYTES_MAX: Final = 4096
EXPRESSION_SUBSTITUTIONS_BYTES_MAX: Final = 2 << 20
PAGE_BYTES_MAX: Final = 1 << 20
ITEM_COLLECTION_BYTES_MAX: Final = 10 << 30
BATCH_GET_KEYS_MAX: Final = 100
BATCH_WRITE_ITEMS_MAX: Final = 25
BATCH_BYTES_MAX: Final = 16 << 20
SCAN_SEGMENTS_MAX: Final = 1_000_000
LIST_TABLES_MAX: Final = 100
STREAM_RECORDS_MAX: Final = 1000
STREAM_RETENTION_SECONDS: Final = 24 * 3600
ITERATOR_LIFETIME_SECONDS: Final = 15 * 60

READ_UNIT_BYTES: Final = 4096
WRITE_UNIT_BYTES: Final = 1024

# Ours. What happens when each is full stands where it is enforced.
REQUEST_TIMEOUT_MS: Final = 10_000
EXCHANGE_BATCH_REQUESTS_MAX: Final = 256
EXCHANGE_INFLIGHT_REQUESTS_MAX: Final = 8192
PEER_QUEUE_MESSAGES_MAX: Final = 4096
SNAPSHOT_CHUNK_BYTES: Final = 1 << 20
GRPC_MESSAGE_BYTES_MAX: Final = 64 << 20
ENTRY_BYTES_MAX: Final = 4 << 20
SHIPMENT_CHANGES_MAX: Final = 256
SHIPMENT_BYTES_MAX: Final = 1 << 20
# A merge is one effect, and carries the image that each change replaces: as many of the largest items stay far below a message.
MERGE_CHANGES_MAX: Final = 32
