"""Names of tables and streams as clients write them: plain or as ARNs.

Knows how AWS spells an ARN; refuses to know whether what it names exists.
"""

import re
from typing import Final, NamedTuple

from wire.cluster import Home
from wire.errors import ErrorCode, StoreError, validation_error

_ARN_PARTS: Final = 6  # arn : partition : service : region : account : resource
_ARN_FORMAT: Final = (
    "Valid ARN format is 'arn:<awsPartition>:<vendor>:<region>:<subscriber>:resourceType/resourceName', where Resource "
    "name must have length less than or equal to 255, Resource name must have length greater than or equal to 3, "
    "Resource name must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
)
_NAME_CHARACTERS_MIN: Final = 3
_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{3,255}").fullmatch


class StreamName(NamedTuple):
    """The table and the label that a stream's ARN is made of."""

    table: str
    label: str


def table_arn(home: Home, table: str) -> str:
    """Return the ARN of a table."""
    return home.arn("dynamodb", f"table/{table}")


def stream_arn(home: Home, table: str, label: str) -> str:
    """Return the ARN of a table's stream."""
    return f"{table_arn(home, table)}/stream/{label}"


def index_arn(home: Home, table: str, index: str) -> str:
    """Return the ARN of a table's secondary index."""
    return f"{table_arn(home, table)}/index/{index}"


def table_name(given: str, home: Home) -> str:
    """Return the plain name of what a TableName member holds: a name, or the ARN of a table that is at home here."""
    if not given.startswith("arn:"):
        return given
    parts = given.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or not all(parts):
        raise _unfit_arn(given, _ARN_FORMAT)
    _, partition, service, its_region, account, resource = parts
    if partition != "aws":
        raise validation_error(f"1 validation error detected: Invalid AWS partition in '{given}'")
    if service != "dynamodb":
        raise _unfit_arn(given, _ARN_FORMAT)
    if its_region != home.region:
        raise validation_error(f"1 validation error detected: Invalid AWS region in '{given}'")
    name = _name_of_resource(resource, given)
    _require_own(home, account, given)
    return name


def _require_own(home: Home, account: str, arn: str) -> None:
    """Refuse what another account has, which a policy of its own would have to allow."""
    if account != home.account:
        raise StoreError(
            ErrorCode.ACCESS_DENIED,
            f"User: arn:aws:iam::{home.account}:root is not authorized to perform this action on resource: {arn} because no "
            "resource-based policy allows it",
        )


def _name_of_resource(resource: str, given: str) -> str:
    kind, _, name = resource.partition("/")
    if kind != "table":
        raise validation_error(f"1 validation error detected: Invalid resource type in '{given}'")
    if len(name) < _NAME_CHARACTERS_MIN:
        raise _unfit_arn(given, f"Table name of ARN must have length greater than or equal to {_NAME_CHARACTERS_MIN}")
    if not _NAME(name):
        raise _unfit_arn(given, _ARN_FORMAT)
    return name


def stream_name(arn: str, home: Home) -> StreamName:
    """Return what a stream's ARN names; one of another region is none, and another account's is its own."""
    parts = arn.split(":", _ARN_PARTS - 1)
    resource = parts[-1].split("/")
    is_ours = len(parts) == _ARN_PARTS and (parts[0], parts[2], parts[3]) == ("arn", "dynamodb", home.region)
    if not is_ours or len(resource) != 4 or (resource[0], resource[2]) != ("table", "stream"):
        raise validation_error("Invalid StreamArn")
    _require_own(home, parts[4], arn)
    return StreamName(resource[1], resource[3])


def _unfit_arn(arn: str, constraint: str) -> StoreError:
    return validation_error(
        f"1 validation error detected: Value '{arn}' at 'tableName' failed to satisfy constraint: {constraint}"
    )
