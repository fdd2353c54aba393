"""TagResource, UntagResource and ListTagsOfResource, and the tags that a table is made with.

Knows what a tag may be; how many there are in the end, the catalog decides. All tags of a table fit one page, as on AWS.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from router.operations.answers import NOTHING
from router.operations.context import RequestContext
from router.operations.resource_arns import tagged_table
from router.operations.store import Store
from wire.catalog_changes import SetTags
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import TableSpec, TableStatus

TAGS_MAX: Final = 50
_KEY_CHARACTERS_MAX: Final = 128
_VALUE_CHARACTERS_MAX: Final = 256
_PUNCTUATION: Final = frozenset("+-=._:/@")
_TOO_MANY: Final = "Number of Tags exceed the current limit for the provided ResourceArn"


class TagResource:
    """Add tags to a table, or give those it has other values."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        name = tagged_table(body["ResourceArn"], self._store.home)
        if not body["Tags"]:
            raise validation_error("Atleast one Tag needs to be provided as Input.")
        tags = parsed_tags(body["Tags"])
        _standing_table(self._store, body["ResourceArn"], name)
        change = SetTags(name=name, tags=tags, now_ms=self._clock.wall_ms())
        await self._store.change(change, deadline=context.deadline)
        return NOTHING


class UntagResource:
    """Remove tags from a table; those it does not have are none the worse."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        name = tagged_table(body["ResourceArn"], self._store.home)
        keys = body["TagKeys"]
        if not keys:
            raise validation_error("Atleast one Tag Key needs to be provided as Input.")
        _require_keys(keys)
        _standing_table(self._store, body["ResourceArn"], name)
        change = SetTags(name=name, removes=tuple(keys), now_ms=self._clock.wall_ms())
        await self._store.change(change, deadline=context.deadline)
        return NOTHING


def list_tags_of_resource(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """Return what ListTagsOfResource answers."""
    name = tagged_table(body["ResourceArn"], store.home)
    if body.get("NextToken"):
        # No answer ever had one.
        raise validation_error("Invalid NextToken provided as input")
    table = _standing_table(store, body["ResourceArn"], name)
    return {"Tags": [{"Key": key, "Value": value} for key, value in table.tags]}


def parsed_tags(given: Iterable[dict[str, Any]] | None) -> tuple[tuple[str, str], ...]:
    """Return tags by key, or refuse them with AWS's words."""
    tags: dict[str, str] = {}
    for tag in given or ():
        key, value = tag.get("Key"), tag.get("Value")
        _require_key(key)
        if value is None or len(value) > _VALUE_CHARACTERS_MAX or not _is_plain(value):
            raise validation_error(f"The Tag Value provided is invalid, Value: {'null' if value is None else value}")
        if key in tags:
            raise validation_error(f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}")
        tags[str(key)] = value
    if len(tags) > TAGS_MAX:
        raise validation_error(_TOO_MANY)
    return tuple(sorted(tags.items()))


def _require_keys(keys: list[str]) -> None:
    for key in keys:
        _require_key(key)
    if len(keys) > TAGS_MAX:
        raise validation_error(_TOO_MANY)


def _require_key(key: str | None) -> None:
    if key is None or not 1 <= len(key) <= _KEY_CHARACTERS_MAX or not _is_plain(key):
        raise validation_error(f"The Tag Key provided is invalid, Key: {'null' if key is None else key}")
    if key.lower().startswith("aws:"):
        raise validation_error(f"Tag Key cannot be prefixed with aws:, Key: {key}")


def _is_plain(text: str) -> bool:
    """Tell whether a text has letters, digits, white space and a few signs only."""
    return all(letter in _PUNCTUATION or unicodedata.category(letter)[0] in "LNZ" for letter in text)


def _standing_table(store: Store, arn: str, name: str) -> TableSpec:
    table = store.view.tables.get(name)
    if table is None or table.status is TableStatus.CREATING:
        raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"Requested resource not found: ResourceArn: {arn} not found")
    return table
