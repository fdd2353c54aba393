"""Adding and removing a replica is agreed with its region before it begins, where that region answers."""

from collections.abc import Collection
from typing import Any

import pytest

from router.operations.regions import RegionUnreachableError
from tests.support.store_fake import Api, FakeStore, table_spec
from wire.catalog import LinkSpec, LinkState
from wire.catalog_changes import AddReplica, CatalogChange, CheckReplica, RemoveReplica
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus, TableSpec, TableStatus

THERE = "eu-west-1"
MEMBER = ReplicaSpec(RegionName(THERE), ReplicaStatus.ACTIVE)
FAILED = ReplicaSpec(RegionName(THERE), ReplicaStatus.CREATION_FAILED)


class FakeRegions:
    """One other region, which agrees or answers with an error."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.asked: list[CatalogChange] = []
        self._answer = answer

    @property
    def names(self) -> Collection[str]:
        return (THERE,)

    async def ask(self, region: str, change: CatalogChange, *, timeout_seconds: float) -> None:
        assert region == THERE
        self.asked.append(change)
        if self._answer is not None:
            raise self._answer


def api_of(answer: Exception | None, *replicas: ReplicaSpec, **settings: Any) -> tuple[Api, FakeRegions]:
    table = table_spec(replicas=replicas, global_table_id="g" if replicas else "", **settings)
    store, regions = FakeStore(table), FakeRegions(answer)
    store.decisions.append(table)
    return Api(store, regions=regions), regions


def update(action: str, region: str = THERE) -> dict[str, Any]:
    return {"TableName": "things", "ReplicaUpdates": [{action: {"RegionName": region}}]}


# The other region is asked first, about just that; then the catalog here decides.
@pytest.mark.parametrize(
    ("action", "replicas", "kind"),
    [("Create", (), AddReplica), ("Create", (FAILED,), AddReplica), ("Delete", (MEMBER,), RemoveReplica)],
)
async def test_the_other_region_is_asked_first(action: str, replicas: tuple[ReplicaSpec, ...], kind: type) -> None:
    api, regions = api_of(None, *replicas)
    await api("UpdateTable", **update(action))
    table_id = "g" if replicas else ""
    assert regions.asked == [CheckReplica(name="things", global_table_id=table_id, is_added=action == "Create")]
    assert isinstance(api.store.changes[0], kind)


# What it refuses is the client's answer, in its words, and nothing has begun.
@pytest.mark.parametrize(("action", "replicas"), [("Create", ()), ("Delete", (MEMBER,))])
async def test_its_refusal_is_the_answer(action: str, replicas: tuple[ReplicaSpec, ...]) -> None:
    api, _ = api_of(validation_error("no"), *replicas)
    refused = await api.refused("UpdateTable", **update(action))
    assert (refused.code, refused.message, api.store.changes) == (ErrorCode.VALIDATION, "no", [])


SILENT = [
    RegionUnreachableError("It does not answer."),
    StoreError(ErrorCode.NOT_LEADER, "its catalog has no leader"),
    StoreError(ErrorCode.DEADLINE_EXCEEDED, "too late"),
]


# A lost region must not be in the way of removing it, which is what one does about a lost region.
@pytest.mark.parametrize("answer", SILENT)
async def test_a_silent_region_can_be_removed(answer: Exception) -> None:
    api, _ = api_of(answer, MEMBER)
    await api("UpdateTable", **update("Delete"))
    assert isinstance(api.store.changes[0], RemoveReplica)


# A replica there would only keep the table waiting, perhaps for ever: the client is told at once, and may try again.
@pytest.mark.parametrize("answer", SILENT)
async def test_nothing_is_added_in_a_silent_region(answer: Exception) -> None:
    api, _ = api_of(answer)
    refused = await api.refused("UpdateTable", **update("Create"))
    assert refused.code is ErrorCode.INTERNAL
    assert refused.message.startswith("Failed to access the region: ‘eu-west-1’.")
    assert api.store.changes == []


# A cable that a tester has pulled is pulled for questions, too.
async def test_nothing_is_asked_over_a_cut_link() -> None:
    api, regions = api_of(None)
    api.store.view.links[THERE] = LinkSpec(THERE, LinkState.CUT)
    assert (await api.refused("UpdateTable", **update("Create"))).code is ErrorCode.INTERNAL
    assert regions.asked == []


# A region that still runs an earlier version cannot answer; it is told what to do as it always was.
async def test_a_region_that_does_not_know_the_question_has_no_say() -> None:
    api, _ = api_of(StoreError(ErrorCode.SERIALIZATION, "unknown"))
    await api("UpdateTable", **update("Create"))
    assert isinstance(api.store.changes[0], AddReplica)


# What this region's own catalog refuses is no question to anybody else.
@pytest.mark.parametrize(
    ("body", "table"),
    [
        (update("Create"), table_spec(replicas=(MEMBER,))),
        (update("Delete"), table_spec()),
        (update("Delete", "us-fake-1"), table_spec()),
        (update("Create"), table_spec(status=TableStatus.UPDATING)),
        (update("Create"), None),
    ],
    ids=["there already", "not there", "no region", "busy", "no table"],
)
async def test_what_is_refused_here_is_asked_nowhere(body: dict[str, Any], table: TableSpec | None) -> None:
    regions = FakeRegions()
    store = FakeStore(*([] if table is None else [table]))
    store.decisions.append(validation_error("no"))
    await Api(store, regions=regions).refused("UpdateTable", **body)
    assert regions.asked == []
