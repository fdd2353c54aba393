"""Every error that crosses a room or a process: one closed set of codes, one exception.

A code's value is the name AWS gives the error, or, for the internal ones that no client ever sees, our own name. The HTTP
edge translates codes to statuses and type prefixes; nothing else does.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """What went wrong. Members are only ever added: names travel on the wire."""

    VALIDATION = "ValidationException"
    SERIALIZATION = "SerializationException"
    UNKNOWN_OPERATION = "UnknownOperationException"
    UNSUPPORTED_OPERATION = "UnsupportedOperationException"
    MISSING_AUTHENTICATION_TOKEN = "MissingAuthenticationTokenException"
    INCOMPLETE_SIGNATURE = "IncompleteSignatureException"
    INVALID_SIGNATURE = "InvalidSignatureException"
    UNRECOGNIZED_CLIENT = "UnrecognizedClientException"
    ACCESS_DENIED = "AccessDeniedException"
    THROTTLING = "ThrottlingException"
    PROVISIONED_THROUGHPUT_EXCEEDED = "ProvisionedThroughputExceededException"
    REQUEST_LIMIT_EXCEEDED = "RequestLimitExceeded"
    LIMIT_EXCEEDED = "LimitExceededException"
    RESOURCE_NOT_FOUND = "ResourceNotFoundException"
    RESOURCE_IN_USE = "ResourceInUseException"
    TABLE_NOT_FOUND = "TableNotFoundException"
    POLICY_NOT_FOUND = "PolicyNotFoundException"
    TABLE_ALREADY_EXISTS = "TableAlreadyExistsException"
    BACKUP_NOT_FOUND = "BackupNotFoundException"
    EXPORT_NOT_FOUND = "ExportNotFoundException"
    IMPORT_NOT_FOUND = "ImportNotFoundException"
    GLOBAL_TABLE_NOT_FOUND = "GlobalTableNotFoundException"
    INVALID_EXPORT_TIME = "InvalidExportTimeException"
    POINT_IN_TIME_RECOVERY_UNAVAILABLE = "PointInTimeRecoveryUnavailableException"
    CONDITIONAL_CHECK_FAILED = "ConditionalCheckFailedException"
    TRANSACTION_CANCELED = "TransactionCanceledException"
    TRANSACTION_CONFLICT = "TransactionConflictException"
    ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED = "ItemCollectionSizeLimitExceededException"
    EXPIRED_ITERATOR = "ExpiredIteratorException"
    TRIMMED_DATA_ACCESS = "TrimmedDataAccessException"
    INTERNAL = "InternalServerError"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"

    # Internal: raised by nodes, resolved by routers, never shown to a client.
    NOT_LEADER = "NotLeader"
    STALE_EPOCH = "StaleEpoch"
    OVERLOADED = "Overloaded"
    NOT_READY = "NotReady"
    STORAGE_FULL = "StorageFull"
    UNKNOWN_OUTCOME = "UnknownOutcome"
    UNANSWERED = "Unanswered"  # an UNKNOWN_OUTCOME of a node that is connected and says nothing
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    DAMAGED = "Damaged"


# A node that answers one of these has not applied, and will never apply, the request: it may be sent again as it is.
NOT_APPLIED = frozenset(
    {ErrorCode.NOT_LEADER, ErrorCode.STALE_EPOCH, ErrorCode.OVERLOADED, ErrorCode.NOT_READY, ErrorCode.STORAGE_FULL}
)


class StoreError(Exception):
    """An operating failure or a refusal, with its code, a message for people, and members for the client's error body."""

    def __init__(self, code: ErrorCode, message: str, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.members: Mapping[str, Any] = members or {}

    def __str__(self) -> str:
        return f"{self.code.value}: {self.message}"


def validation_error(message: str) -> StoreError:
    """Return a ValidationException with AWS's text `message`."""
    return StoreError(ErrorCode.VALIDATION, message)
