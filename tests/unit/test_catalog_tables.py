"""Tables are created, changed and dropped as AWS does it, in AWS's words."""

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.support.rpc_catalog import HERE, RULES, Catalog, create
from wire.catalog import LinkSpec, LinkState
from wire.catalog_changes import CatalogChange, DeleteTable, FinishTable, SetLink, UpdateTable
from wire.errors import ErrorCode, StoreError
from wire.tables import BillingMode, StreamViewType, TableStatus, Throughput

NOW_MS = 1_700_000_000_000


def update(name: str = "t", **members: Any) -> UpdateTable:
    return UpdateTable(name=name, now_ms=NOW_MS, **members)


def refused(catalog: Catalog, change: CatalogChange, code: ErrorCode, text: str) -> None:
    version = catalog.view.version
    with pytest.raises(StoreError, match=re.escape(text)) as caught:
        catalog.change(change)
    assert (caught.value.code, catalog.view.version) == (code, version)


# A table is a row: it is there and ACTIVE as soon as the change is applied.
def test_a_created_table_is_active_at_once() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    table = catalog.view.tables["t"]
    assert (table.number, table.status, table.version) == (1, TableStatus.ACTIVE, 2)


# SDKs and infrastructure tools tell "exists already" from other refusals by this code and text.
def test_a_name_is_used_once() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    refused(catalog, create("t"), ErrorCode.RESOURCE_IN_USE, "Table already exists: t")


# Keys on disk begin with the number; a second table with it would see the first one's items.
def test_a_number_is_never_used_again() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    catalog.change(create("t"))
    assert catalog.view.tables["t"].number == 2
    assert list(catalog.view.tables_by_number) == [2]


# AWS's quota; without a bound the catalog of a runaway test would grow until nothing works.
def test_there_is_a_bound_on_tables() -> None:
    catalog = Catalog(replace(RULES, tables_max=1))
    catalog.change(create("t"))
    refused(catalog, create("u"), ErrorCode.LIMIT_EXCEEDED, "There is a limit of 1 tables per subscriber")


# Every change of a table that is not there says so in the same words.
@pytest.mark.parametrize("change", [update(), DeleteTable(name="t", now_ms=NOW_MS)])
def test_a_missing_table_is_named(change: CatalogChange) -> None:
    text = "Requested resource not found: Table: t not found"
    refused(Catalog(), change, ErrorCode.RESOURCE_NOT_FOUND, text)


# Protection is worth something only if nothing gets around it.
def test_a_protected_table_stays() -> None:
    catalog = Catalog()
    catalog.change(create("t", deletion_protection=True))
    refused(catalog, DeleteTable(name="t", now_ms=NOW_MS), ErrorCode.VALIDATION, "currently protected against deletion")
    catalog.change(update(deletion_protection=False))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    assert "t" not in catalog.view.tables


# The answer to DeleteTable shows the table on its way out, although the row is gone already.
def test_a_dropped_table_is_shown_deleting() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    table = catalog.change(DeleteTable(name="t", now_ms=NOW_MS)).table
    assert table is not None
    assert table.status is TableStatus.DELETING


# Stream readers find a stream by its label, and the label carries its time.
def test_a_stream_has_a_label_and_a_generation() -> None:
    catalog = Catalog()
    catalog.change(create("t", stream_view=StreamViewType.NEW_IMAGE))
    stream = catalog.view.tables["t"].stream
    assert stream is not None
    assert (stream.label, stream.generation) == ("2023-11-14T22:13:20.000", 2)


# Disabled and enabled within one millisecond: the old one stays readable, so the new one needs another label.
def test_a_stream_enabled_again_is_another_one() -> None:
    catalog = Catalog()
    catalog.change(create("t", stream_view=StreamViewType.NEW_IMAGE))
    catalog.change(update(stream_enabled=False))
    catalog.change(update(stream_enabled=True, stream_view=StreamViewType.KEYS_ONLY))
    table = catalog.view.tables["t"]
    assert table.stream is not None
    assert table.stream.label == "2023-11-14T22:13:20.001"
    assert [(past.label, past.disabled_ms) for past in table.past_streams] == [("2023-11-14T22:13:20.000", NOW_MS)]


# Tools that reapply their whole configuration rely on these refusals to notice that nothing is to be done.
def test_a_stream_is_not_enabled_or_disabled_twice() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    text = "Table has no stream to disable: TableName: t"
    refused(catalog, update(stream_enabled=False), ErrorCode.VALIDATION, text)
    catalog.change(update(stream_enabled=True, stream_view=StreamViewType.KEYS_ONLY))
    text = "Table already has an enabled stream: TableName: t"
    refused(catalog, update(stream_enabled=True), ErrorCode.VALIDATION, text)


# Switching the billing mode leaves the time at which it happened, which DescribeTable shows.
def test_billing_can_be_switched() -> None:
    catalog = Catalog()
    catalog.change(create("t", billing_mode=BillingMode.PROVISIONED, throughput=Throughput(5, 5)))
    catalog.change(update(billing_mode=BillingMode.PAY_PER_REQUEST))
    table = catalog.view.tables["t"]
    assert (table.throughput, table.billing_changed_ms) == (Throughput(), NOW_MS)
    refused(catalog, update(throughput=Throughput(1, 1)), ErrorCode.VALIDATION, "Neither ReadCapacityUnits nor")
    text = "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
    refused(catalog, update(billing_mode=BillingMode.PROVISIONED), ErrorCode.VALIDATION, text)
    catalog.change(update(billing_mode=BillingMode.PROVISIONED, throughput=Throughput(2, 3)))
    assert catalog.view.tables["t"].throughput == Throughput(2, 3)


# AWS refuses a change of throughput that changes nothing, and says what it is.
def test_the_same_throughput_is_refused() -> None:
    catalog = Catalog()
    catalog.change(create("t", billing_mode=BillingMode.PROVISIONED, throughput=Throughput(5, 6)))
    text = "Requested ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the table: 6."
    refused(catalog, update(throughput=Throughput(5, 6)), ErrorCode.VALIDATION, text)


# A driver finishes a table by number: a table of the same name made meanwhile is none of its business.
def test_finishing_means_one_table_only() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    assert catalog.change(FinishTable(name="t", number=7)).rows == {}


# Mending a link removes its row, so that a catalog never collects what testers once did.
def test_a_mended_link_leaves_no_row() -> None:
    catalog = Catalog()
    catalog.change(SetLink(link=LinkSpec("eu-west-1", LinkState.CUT)))
    assert catalog.view.link("eu-west-1").state is LinkState.CUT
    catalog.change(SetLink(link=LinkSpec("eu-west-1")))
    assert catalog.view.links == {}


# A typing error in a region's name must not look like a broken link.
@pytest.mark.parametrize("destination", [HERE, "mars-north-1"])
def test_a_link_leads_to_another_region(destination: str) -> None:
    refused(Catalog(), SetLink(link=LinkSpec(destination)), ErrorCode.VALIDATION, "no replication link")
