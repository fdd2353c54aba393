"""Names of tables and streams as clients write them: plain or as ARNs.

Knows how AWS spells an ARN; refuses to know whether what it names exists.
"""

from typing import Final, NamedTuple

from wire.errors import validation_error

ACCOUNT_ID: Final = "000000000000"

_ARN_PARTS = 6  # arn : partition : service : region : account : resource


class StreamName(NamedTuple):
    """The table and the label that a stream's ARN is made of."""

    table: str
    label: str


def table_arn(region: str, table: str) -> str:
    """Return the ARN of a table."""
    return f"arn:aws:dynamodb:{region}:{ACCOUNT_ID}:table/{table}"


def stream_arn(region: str, table: str, label: str) -> str:
    """Return the ARN of a table's stream."""
    return f"{table_arn(region, table)}/stream/{label}"


def index_arn(region: str, table: str, index: str) -> str:
    """Return the ARN of a table's secondary index."""
    return f"{table_arn(region, table)}/index/{index}"


def table_name(given: str, region: str) -> str:
    """Return the plain name of what a TableName member holds: a name, or a table's ARN in `region`."""
    if not given.startswith("arn:"):
        return given
    kind, _, name = _resource(given, region).partition("/")
    if kind != "table" or not name or "/" in name:
        raise _invalid_arn(given)
    return name


def stream_name(arn: str, region: str) -> StreamName:
    """Return what a stream's ARN in `region` names."""
    parts = _resource(arn, region).split("/")
    if len(parts) != 4 or parts[0] != "table" or parts[2] != "stream" or not parts[3]:
        raise validation_error("Invalid StreamArn")
    return StreamName(parts[1], parts[3])


def _resource(arn: str, region: str) -> str:
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[0] != "arn" or parts[2] != "dynamodb":
        raise _invalid_arn(arn)
    if parts[3] != region:
        raise validation_error(f"1 validation error detected: Invalid AWS region in '{arn}'")
    return parts[5]


def _invalid_arn(arn: str) -> Exception:
    return validation_error(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
