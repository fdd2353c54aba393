"""What may have tags and policies: tables, and streams, named by their ARNs.

Knows AWS's words for an ARN that names something else; refuses to know whether what it names exists.
"""

from typing import Final, NamedTuple

from router.operations.table_settings import INVALID
from wire.cluster import Home
from wire.errors import StoreError, validation_error

_ARN_PARTS: Final = 6  # arn : partition : service : region : account : resource


class Resource(NamedTuple):
    """A table, or with a label one of its streams."""

    table: str
    stream_label: str = ""


def tagged_table(arn: str, home: Home) -> str:
    """Return the name of the table that an ARN names, for tags."""
    parts = _parts(arn)
    if parts[1] != "aws" or parts[3] != home.region:
        raise _not_tagged(arn)
    resource = _resource(arn, parts, home)
    if resource.stream_label:
        raise _not_tagged(arn)
    return resource.table


def governed_resource(arn: str, home: Home) -> Resource:
    """Return the table or stream that an ARN names, for policies."""
    parts = _parts(arn)
    if parts[1] != "aws" or parts[3] != home.region:
        raise validation_error(f"{INVALID}Invalid resource Arn: {arn}")
    return _resource(arn, parts, home)


def _parts(arn: str) -> list[str]:
    if not arn.startswith("arn:"):
        raise validation_error(f"{INVALID}ARNs must start with 'arn:': {arn}")
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[2] != "dynamodb":
        raise _not_a_resource(arn)
    return parts


def _resource(arn: str, parts: list[str], home: Home) -> Resource:
    if parts[4] != home.account:
        raise validation_error(
            "This action is only supported by accounts that match the resource owner\u2019s account."
        )
    match parts[5].split("/"):
        case ["table", name] if name:
            return Resource(name)
        case ["table", name, "stream", label] if name and label:
            return Resource(name, label)
        case ["table", _, "index", _]:
            raise validation_error(
                f"{INVALID}Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
            )
        case _:
            raise _not_a_resource(arn)


def _not_tagged(arn: str) -> StoreError:
    return validation_error(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")


def _not_a_resource(arn: str) -> StoreError:
    return validation_error(f"{INVALID}Provided Arn is not a DynamoDB resource arn: {arn}")
