"""Encryption at rest, as requests ask for it and as a table shows it.

Knows how AWS names keys; refuses to know any key: nothing is encrypted with them, the setting is only kept.
"""

import uuid
from typing import Any, Final

from router.operations.table_settings import INVALID
from wire.cluster import Home
from wire.errors import StoreError, validation_error
from wire.tables import Encryption

_MANAGED_ALIAS: Final = "alias/aws/dynamodb"
_ARN_PARTS: Final = 6  # arn : partition : kms : region : account : resource


def parsed_encryption(given: dict[str, Any] | None, home: Home) -> Encryption | None:
    """Return the encryption that an SSESpecification asks for, or None for the one that every table has."""
    if not given:
        return None
    key, kind = given.get("KMSMasterKeyId"), given.get("SSEType")
    if not given.get("Enabled", kind is not None):
        for name, value in (("SSEType", kind), ("KMSMasterKeyId", key)):
            if value is not None:
                raise validation_error(f"{INVALID}{name} can not be specified if Enabled is false")
        return None
    if kind == "AES256":
        raise validation_error(f"{INVALID}SSEType AES256 is not supported")
    if key is None:
        return Encryption("")
    if kind is None:
        raise validation_error(f"{INVALID}SSEType KMS is required if KMSMasterKeyId is specified")
    return Encryption(key_arn(key, home))


def encryption_description(encryption: Encryption | None, home: Home) -> dict[str, Any]:
    """Return the SSEDescription member, which AWS leaves out for a table that is encrypted as every table is."""
    if encryption is None:
        return {}
    arn = encryption.key_arn or _arn_of(_id_of_alias(_MANAGED_ALIAS, home), home)
    return {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": arn}}


def key_arn(key: str, home: Home) -> str:
    """Return the ARN of a key given by id, ARN, alias or alias ARN; empty for the one that AWS manages."""
    resource = key
    if key.startswith("arn:"):
        parts = key.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS or parts[2] != "kms":
            raise _no_key(f"Invalid arn {key}")
        if parts[3] != home.region:
            raise _no_key(f"Invalid arn {parts[3]}")
        # A key may be another account's, which only that account's policy could refuse.
        home, resource = Home(parts[3], parts[4]), parts[5]
    if resource.startswith("alias/"):
        is_managed = resource == _MANAGED_ALIAS
        return "" if is_managed else _arn_of(_id_of_alias(resource, home), home)
    key_id = resource.removeprefix("key/")
    if not key_id or "/" in key_id:
        raise _no_key(f"Invalid keyId {key_id}")
    return "" if key_id == _id_of_alias(_MANAGED_ALIAS, home) else _arn_of(key_id, home)


def _arn_of(key_id: str, home: Home) -> str:
    return home.arn("kms", f"key/{key_id}")


def _id_of_alias(alias: str, home: Home) -> str:
    """Return the id of the key behind an alias: always the same one, for there is nobody to ask."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{home.region}/{alias}"))


def _no_key(why: str) -> StoreError:
    return validation_error(f"KMS validation error: com.amazonaws.services.kms.model.NotFoundException: {why}")
