"""Several regions' catalogs as plain views around the real decisions, and the steps that carry membership from one to another."""

from collections.abc import Iterator
from random import Random

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules
from node.replication.growth import Growth, Step, StepId
from tests.support.replication_store import placements
from wire.catalog import CatalogView, Delta, encode_row
from wire.catalog_changes import CatalogChange, CreateTable, RecordBackfill
from wire.errors import ErrorCode, StoreError
from wire.synced import synced_settings
from wire.tables import BillingMode, KeyAttribute, KeySchema, ReplicaStatus, TableSpec, TableStatus, Throughput

NOW_MS = 1_700_000_000_000
PARTITIONS = 2


class ModelCatalog:
    """One region's catalog and what its driver believes to be done."""

    def __init__(self, region: str, regions: frozenset[str], source_hold_ms: int = 0) -> None:
        self.region = region
        self.rules = CatalogRules(region=region, regions=regions, source_hold_ms=source_hold_ms)
        self.view = CatalogView()
        rows = {f"placement/{each.partition}": encode_row(each) for each in placements(PARTITIONS)}
        self.view.apply(Delta(1, dict(rows), full=True))
        self.done: set[StepId] = set()

    def decide(self, change: CatalogChange) -> None:
        decision = decide(self.view, change, self.rules)
        if decision.rows:
            self.view.apply(Delta(self.view.version + 1, decision.rows))

    def steps(self) -> list[Step]:
        growth = Growth(
            region=self.region, view=self.view, done=self.done, now_ms=NOW_MS, new_table_id=lambda: f"id-{self.region}"
        )
        self.done.difference_update(growth.outdated())
        return growth.steps()

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

    def create(self, region: str, name: str = "orders") -> None:
        schema = KeySchema(KeyAttribute("id", "S"))
        self.catalogs[region].decide(
            CreateTable(
                name=name,
                key_schema=schema,
                billing_mode=BillingMode.PAY_PER_REQUEST,
                throughput=Throughput(),
                now_ms=NOW_MS,
                table_id=f"id-{region}",
            )
        )

    def ask(self, region: str, change: CatalogChange) -> bool:
        """Ask as a client does; tell whether it was taken."""
        try:
            self.catalogs[region].decide(change)
        except StoreError:
            return False
        return True

    def take(self, catalog: ModelCatalog, step: Step, *, is_answered: bool = True) -> None:
        """Take a step as the driver does; an answer that is lost leaves it undone here."""
        try:
            self.catalogs[step.destination].decide(step.change)
        except StoreError as error:
            if is_answered and error.code is ErrorCode.VALIDATION and step.refused is not None:
                catalog.decide(step.refused(error.message))
            return
        if is_answered:
            catalog.done.add(step.id)

    def disturb(self) -> None:
        """Let one random thing happen."""
        catalog = self.random.choice(list(self.catalogs.values()))
        draw = self.random.random()
        if draw < 0.1:
            catalog.done.clear()
        elif draw < 0.4:
            self._record_backfill(catalog)
        elif steps := catalog.steps():
            self.take(catalog, self.random.choice(steps), is_answered=self.random.random() < 0.7)

    def settle(self) -> None:
        """Take every step there is until there is none."""
        for _ in range(200):
            work = False
            for catalog in self.catalogs.values():
                for backfill in list(catalog.backfills()):
                    catalog.decide(backfill)
                    work = True
                for step in catalog.steps():
                    self.take(catalog, step)
                    work = True
            if not work:
                return
        raise AssertionError("membership never comes to rest")

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

    def assert_same_settings(self, name: str) -> None:
        """All regions that hold the table have the same shared settings."""
        tables = {region: catalog.table(name) for region, catalog in self.catalogs.items()}
        settings = {region: _shared(table) for region, table in tables.items() if table is not None}
        first, *others = settings
        for other in others:
            assert settings[first] == settings[other], f"{first} and {other} differ"

    def _record_backfill(self, catalog: ModelCatalog) -> None:
        backfills = list(catalog.backfills())
        if backfills:
            catalog.decide(self.random.choice(backfills))


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
