"""Tags and policies in the catalog: bounds, revisions, and what an expected revision is held against."""

import re
from dataclasses import replace

import pytest

from tests.support.rpc_catalog import RULES, Catalog, create
from wire.catalog_changes import CatalogChange, DeleteTable, FinishTable, SetResourcePolicy, SetTags, UpdateTable
from wire.errors import ErrorCode, StoreError
from wire.tables import ResourcePolicy, StreamViewType

NOW_MS = 1_700_000_000_000


def tag(*tags: tuple[str, str], removes: tuple[str, ...] = (), now_ms: int = NOW_MS) -> SetTags:
    return SetTags(name="t", tags=tags, removes=removes, now_ms=now_ms)


def policy(
    document: str | None, expected: str = "", *, is_for_stream: bool = False, now_ms: int = NOW_MS
) -> SetResourcePolicy:
    given = None if document is None else ResourcePolicy(document, "")
    return SetResourcePolicy(name="t", is_for_stream=is_for_stream, policy=given, expected=expected, now_ms=now_ms)


def made(**members: object) -> Catalog:
    catalog = Catalog()
    catalog.change(create("t", **members))
    return catalog


def slow() -> Catalog:
    """Return a catalog on AWS's timing with an ACTIVE table."""
    catalog = Catalog(replace(RULES, takes_time=True))
    catalog.change(create("t", now_ms=NOW_MS - 60_000))
    catalog.change(FinishTable(name="t", number=1, now_ms=NOW_MS))
    return catalog


def refused(catalog: Catalog, change: CatalogChange, code: ErrorCode, text: str) -> None:
    with pytest.raises(StoreError, match=re.escape(text)) as caught:
        catalog.change(change)
    assert caught.value.code is code


# Tags are merged by key and kept in order; what changes nothing is no change.
def test_tags_are_merged() -> None:
    catalog = made(tags=(("b", "1"),))
    catalog.change(tag(("a", "2"), ("b", "3")))
    assert catalog.view.tables["t"].tags == (("a", "2"), ("b", "3"))
    assert catalog.change(tag(("a", "2"), removes=("c",))).rows == {}
    catalog.change(tag(removes=("a", "c")))
    assert catalog.view.tables["t"].tags == (("b", "3"),)


# The bound is on what there is in the end.
def test_there_is_a_bound_on_tags() -> None:
    catalog = made(tags=tuple((f"k{number:02}", "v") for number in range(50)))
    text = "Number of Tags exceed the current limit for the provided ResourceArn"
    refused(catalog, tag(("one more", "v")), ErrorCode.VALIDATION, text)
    catalog.change(tag(("k00", "other")))
    assert len(catalog.view.tables["t"].tags) == 50


# On AWS tags take a moment, in which neither they nor the table can be touched.
def test_tags_take_a_moment() -> None:
    catalog = slow()
    catalog.change(tag(("a", "1")))
    text = "Subscriber limit exceeded: Table tags are being updated: t"
    refused(catalog, tag(("b", "1"), now_ms=NOW_MS + 1_699), ErrorCode.LIMIT_EXCEEDED, text)
    drop = DeleteTable(name="t", now_ms=NOW_MS + 1)
    refused(catalog, drop, ErrorCode.RESOURCE_IN_USE, "Table tags are being updated: t")
    catalog.change(tag(("b", "1"), now_ms=NOW_MS + 1_700))


# The revision is the time of the change, and grows whatever clocks say; the same document again changes nothing.
def test_revisions_grow() -> None:
    catalog = made()
    catalog.change(policy("one"))
    assert catalog.view.tables["t"].policy == ResourcePolicy("one", str(NOW_MS))
    assert catalog.change(policy("one", now_ms=NOW_MS + 9)).rows == {}
    catalog.change(policy("two", now_ms=NOW_MS - 9))
    assert catalog.view.tables["t"].policy == ResourcePolicy("two", str(NOW_MS + 1))


# A removal tells what it removed; removing nothing is well, and tells nothing.
def test_a_policy_is_removed() -> None:
    catalog = made(policy=ResourcePolicy("one", "7"))
    removed = catalog.change(policy(None)).table
    assert removed is not None
    assert removed.policy == ResourcePolicy("one", "7")
    assert catalog.view.tables["t"].policy is None
    again = catalog.change(policy(None))
    assert (again.rows, again.table) == ({}, catalog.view.tables["t"])


# An expected revision has to be the present one, or NO_POLICY for none.
@pytest.mark.parametrize(
    ("present", "change", "why"),
    [
        (
            "one",
            policy("two", "8"),
            "Requested update for policy with revision id 8, but the policy associated to target",
        ),
        (
            "one",
            policy(None, "8"),
            "Requested update for policy with revision id 8, but the policy associated to target",
        ),
        (
            None,
            policy("two", "8"),
            "Requested update for policy with revision id 8, but table t has no associated policy.",
        ),
        (
            "one",
            policy("two", "NO_POLICY"),
            "Requested policy update expecting none to be present for table t, but a policy exists with revision id 7.",
        ),
    ],
)
def test_an_expected_revision_is_held_against(present: str | None, change: SetResourcePolicy, why: str) -> None:
    catalog = made(policy=None if present is None else ResourcePolicy(present, "7"))
    text = f"Resource-based policy not found for the provided ResourceArn: {why}"
    refused(catalog, change, ErrorCode.POLICY_NOT_FOUND, text)


# With the right expectation it goes through.
def test_an_expected_revision_that_fits() -> None:
    catalog = made()
    catalog.change(policy("one", "NO_POLICY"))
    catalog.change(policy("two", str(NOW_MS)))
    catalog.change(policy(None, str(NOW_MS + 1)))
    assert catalog.view.tables["t"].policy is None


# A stream's policy is apart from its table's, and goes with the stream.
def test_a_stream_has_a_policy_of_its_own() -> None:
    catalog = made(stream_view=StreamViewType.KEYS_ONLY)
    catalog.change(policy("one", is_for_stream=True))
    table = catalog.view.tables["t"]
    assert (table.policy, table.stream_policy) == (None, ResourcePolicy("one", str(NOW_MS)))
    catalog.change(UpdateTable(name="t", stream_enabled=False, now_ms=NOW_MS))
    assert catalog.view.tables["t"].stream_policy is not None
    again = UpdateTable(name="t", stream_enabled=True, stream_view=StreamViewType.KEYS_ONLY, now_ms=NOW_MS + 1)
    catalog.change(again)
    assert catalog.view.tables["t"].stream_policy is None


# On AWS policies rest for a while, unless nothing changes.
def test_policies_rest_with_awss_timing() -> None:
    catalog = slow()
    catalog.change(policy("one"))
    catalog.change(policy("one", now_ms=NOW_MS + 1))
    text = (
        "Resource-based policy for table t modified within the previous 15000 milliseconds. Please try again after 2023"
    )
    refused(catalog, policy("two", now_ms=NOW_MS + 14_999), ErrorCode.THROTTLING, text)
    catalog.change(policy("two", now_ms=NOW_MS + 15_000))
