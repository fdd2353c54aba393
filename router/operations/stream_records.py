"""Change records as DynamoDB Streams shows them: cut to the stream's view type.

Knows AWS's record format, version 1.1; refuses to know how changes are stored.
"""

from typing import Any, Final

import orjson
import xxhash

from router.operations.item_keys import members_of_key
from router.operations.shards import sequence_text
from router.operations.streams import TableStream
from wire.catalog import PartitionId
from wire.commands import ChangeRecord
from wire.items import item_size
from wire.tables import StreamViewType

_EVENT_NAMES: Final = {1: "INSERT", 2: "MODIFY", 3: "REMOVE"}
_EXPIRED: Final = 2
_WITH_NEW: Final = frozenset({StreamViewType.NEW_IMAGE, StreamViewType.NEW_AND_OLD_IMAGES})
_WITH_OLD: Final = frozenset({StreamViewType.OLD_IMAGE, StreamViewType.NEW_AND_OLD_IMAGES})


def stream_record(record: ChangeRecord, found: TableStream, partition: PartitionId, region: str) -> dict[str, Any]:
    """Return one Record of a GetRecords answer."""
    identity = f"{found.table.table_id}/{found.stream.label}/{partition}/{record.sequence}"
    answer: dict[str, Any] = {
        "eventID": xxhash.xxh3_128_hexdigest(identity.encode()),
        "eventName": _EVENT_NAMES[record.kind],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": _change(record, found),
    }
    if record.flags & _EXPIRED:
        answer["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    return answer


def _change(record: ChangeRecord, found: TableStream) -> dict[str, Any]:
    view_type = found.stream.view_type
    keys = members_of_key(found.table.key_schema, record.key)
    change: dict[str, Any] = {
        # AWS rounds to the second.
        "ApproximateCreationDateTime": record.time_ms // 1000,
        "Keys": keys,
        "SequenceNumber": sequence_text(record.sequence),
        "StreamViewType": view_type.value,
    }
    size = item_size(keys)
    for name, image, views in (("NewImage", record.new_image, _WITH_NEW), ("OldImage", record.old_image, _WITH_OLD)):
        if image and view_type in views:
            change[name] = orjson.Fragment(image)
            size += item_size(orjson.loads(image))
    change["SizeBytes"] = size
    return change
