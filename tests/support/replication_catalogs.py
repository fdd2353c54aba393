"""Several regions' catalogs as plain views around the real decisions, and the steps that carry membership from one to another."""

from collections.abc import Iterator
from random import Random

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules
from node.replication.growth import Growth, Step, StepId, Wait
from tests.support.replication_store import placements
from wire.catalog import CatalogView, Delta, encode_row
from wire.catalog_changes import CatalogChange, CreateTable, RecordBackfill
from wire.errors import ErrorCode, StoreError
from wire.synced import synced_settings
from wire.tables import (
    BillingMode,
    KeyAttribute,
    KeySchema,
    ReplicaSpec,
    ReplicaStatus,
    TableSpec,
    TableStatus,
    Throughput,
)

NOW_MS = 1_700_000_000_000
PARTITIONS = 2


class ModelCatalog:
    """One region's catalog and what its driver believes to be done."""

    def __init__(self, region: str, regions: frozenset[str], source_hold_ms: int = 0) -> None:
        self.region = region
        self.rules = CatalogRules(region=region, regions=regions, source_hold_ms=source_hold_ms)
        self.view = CatalogView()
        self.now_ms = NOW_MS
        rows = {f"placement/{each.partition}": encode_row(each) for each in placements(PARTITIONS)}
        self.view.apply(Delta(1, dict(rows), full=True))
        self.done: set[StepId] = set()
        self.overdue: set[Wait] = set()

    def decide(self, change: CatalogChange) -> None:
        decision = decide(self.view, change, self.rules)
        if decision.rows:
            self.view.apply(Delta(self.view.version + 1, decision.rows))

    def steps(self) -> list[Step]:
        growth = self._growth()
        self.done.difference_update(growth.outdated())
        return growth.steps()

    def wait_long(self) -> None:
        """Let so much time pass that whatever is on its way now is waited for no more."""
        self.overdue = self._growth().waits()

    def _growth(self) -> Growth:
        return Growth(
            region=self.region,
            view=self.view,
            done=self.done,
            overdue=self.overdue,
            now_ms=self.now_ms,
            new_table_id=lambda: f"id-{self.region}",
        )

    def backfills(self) -> Iterator[RecordBackfill]:
        """Yield what this region's partitions would report."""
        for table in self.view.tables.values():
            for replica in table.replicas:
                if replica.status is ReplicaStatus.CREATING and replica.source == self.region:
                    for partition in sorted(set(self.view.placements) - set(replica.backfilled)):
                        yield RecordBackfill(
                            name=table.name, region=replica.region, generation=replica.generation, partition=partition
                        )

    def table(self, name: str) -> TableSpec | None:
        return self.view.tables.get(name)


class ModelCatalogs:
    """All regions, on one seed."""

    def __init__(self, seed: int, *regions: str) -> None:
        self.random = Random(seed)
        self.catalogs = {region: ModelCatalog(region, frozenset(regions)) for region in regions}
        self.cut: set[tuple[str, str]] = set()  # links that carry nothing, by source and destination
        self.dead: set[str] = set()

    def create(self, region: str, name: str = "orders") -> None:
        self.catalogs[region].decide(create_table(region, name, NOW_MS))

    def ask(self, region: str, change: CatalogChange) -> bool:
        """Ask as a client does; tell whether it was taken."""
        try:
            self.catalogs[region].decide(change)
        except StoreError:
            return False
        return True

    def take(self, catalog: ModelCatalog, step: Step, *, is_answered: bool = True) -> bool:
        """Take a step as the driver does; an answer that is lost leaves it undone here. Tell whether it was done."""
        if not self.hears(catalog.region, step.destination):
            return False
        try:
            self.catalogs[step.destination].decide(step.change)
        except StoreError as error:
            if is_answered and error.code is ErrorCode.VALIDATION and step.refused is not None:
                catalog.decide(step.refused(error.message))
                return True
            return False
        if is_answered:
            catalog.done.add(step.id)
            if step.recorded is not None:
                catalog.decide(step.recorded)
        return is_answered

    def hears(self, source: str, destination: str) -> bool:
        """Tell whether a message from one region comes to another."""
        if {source, destination} & self.dead:
            return False
        return (source, destination) not in self.cut

    def disturb(self) -> None:
        """Let one random thing happen."""
        catalog = self.random.choice(self.living)
        draw = self.random.random()
        if draw < 0.1:
            catalog.done.clear()
        elif draw < 0.4:
            self._record_backfill(catalog)
        elif steps := catalog.steps():
            self.take(catalog, self.random.choice(steps), is_answered=self.random.random() < 0.7)

    @property
    def living(self) -> list[ModelCatalog]:
        return [catalog for region, catalog in self.catalogs.items() if region not in self.dead]

    def isolate(self, region: str) -> None:
        """Cut every link of a region, both ways."""
        others = self.catalogs.keys() - {region}
        self.cut |= {(region, other) for other in others} | {(other, region) for other in others}

    def settle(self) -> None:
        """Take every step there is until there is none that can be taken."""
        for _ in range(200):
            work = False
            for catalog in self.living:
                work |= self._copy(catalog)
                for step in catalog.steps():
                    work |= self.take(catalog, step)
            if not work:
                return
        raise AssertionError("membership never comes to rest")

    def wait_long(self) -> None:
        """Let everybody give up waiting, and take the steps that follow from that."""
        for catalog in self.living:
            catalog.wait_long()
        self.settle()

    def _copy(self, catalog: ModelCatalog) -> bool:
        """Copy everything that is to be copied from a region to those that it reaches."""
        backfills = [each for each in catalog.backfills() if self.hears(catalog.region, each.region)]
        for backfill in backfills:
            catalog.decide(backfill)
        return bool(backfills)

    def assert_agreed(self, name: str, *members: str) -> None:
        """These regions hold the table, ACTIVE, and know each other as ACTIVE; nobody else holds it."""
        for region, catalog in self.catalogs.items():
            table = catalog.table(name)
            if region not in members:
                assert table is None, f"{region} still holds {table}"
                continue
            assert table is not None, f"{region} does not hold {name}"
            assert table.status is TableStatus.ACTIVE, (region, table.status)
            known = {replica.region: replica.status for replica in table.replicas}
            wanted = {other: ReplicaStatus.ACTIVE for other in members if other != region}
            assert known == wanted, f"{region} knows {known}, expected {wanted}"

    def assert_consistent(self, name: str) -> None:
        """All living regions know of each other what is so, nobody is on the way, and there is no news left for anybody who lives."""
        for catalog, table in self.held(name):
            assert table.status is TableStatus.ACTIVE, (catalog.region, table)
            for replica in table.replicas:
                if replica.status is not ReplicaStatus.CREATION_FAILED:
                    self._assert_mutual(catalog.region, table, replica)
        for global_table_id in {table.global_table_id for _, table in self.held(name)} - {""}:
            self.assert_same_settings(name, global_table_id)
        for catalog in self.living:
            waiting = {region for left in catalog.view.left.values() for region in left.waiting}
            assert waiting <= self.dead, (catalog.region, waiting)

    def held(self, name: str) -> Iterator[tuple[ModelCatalog, TableSpec]]:
        """Yield the table of that name of every living region that has one."""
        for catalog in self.living:
            table = catalog.table(name)
            if table is not None:
                yield catalog, table

    def _assert_mutual(self, region: str, table: TableSpec, replica: ReplicaSpec) -> None:
        assert replica.status is ReplicaStatus.ACTIVE, (region, replica)
        other = self.catalogs[replica.region].table(table.name)
        assert other is not None, (region, replica)
        assert other.global_table_id == table.global_table_id, (region, replica)
        assert other.replica(region) is not None, (region, replica)

    def assert_same_settings(self, name: str, global_table_id: str = "global-1") -> None:
        """All living regions that hold the global table have the same shared settings."""
        tables = {catalog.region: catalog.table(name) for catalog in self.living}
        held = {region: table for region, table in tables.items() if table is not None}
        settings = {
            region: _shared(table) for region, table in held.items() if table.global_table_id == global_table_id
        }
        first, *others = settings
        for other in others:
            assert settings[first] == settings[other], f"{first} and {other} differ"

    def _record_backfill(self, catalog: ModelCatalog) -> None:
        backfills = list(catalog.backfills())
        if backfills:
            catalog.decide(self.random.choice(backfills))


def create_table(region: str, name: str, now_ms: int) -> CreateTable:
    """Return the creation of a table in a region, under an id of its own."""
    return CreateTable(
        name=name,
        key_schema=KeySchema(KeyAttribute("id", "S")),
        billing_mode=BillingMode.PAY_PER_REQUEST,
        throughput=Throughput(),
        now_ms=now_ms,
        table_id=f"id-{region}-{now_ms}",
    )


def _shared(table: TableSpec) -> object:
    settings = synced_settings(table)
    indexes = sorted((each.name, each.partition, each.on_demand.write_units, each.warm) for each in settings.indexes)
    return (
        settings.stamps,
        settings.billing_mode,
        settings.on_demand.write_units,
        settings.warm,
        settings.is_encrypted,
        settings.time_to_live,
        indexes,
    )
