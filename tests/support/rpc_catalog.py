"""Changes of a catalog for tests: short to write, carried out as partition 0 would."""

from node.catalog.decisions import decide
from node.catalog.placement import founding_delta
from node.catalog.rules import CatalogRules, Decision
from wire.catalog import CatalogView, Delta
from wire.catalog_changes import CatalogChange, CreateTable
from wire.cluster import NodeEntry, RegionEntry, Settings
from wire.tables import BillingMode, KeyAttribute, KeySchema, Throughput

HERE, THERE, ELSEWHERE = "us-east-1", "eu-west-1", "ap-northeast-1"
RULES = CatalogRules(region=HERE, regions=frozenset({HERE, THERE, ELSEWHERE}))
SCHEMA = KeySchema(KeyAttribute("id", "S"))
HOUR_MS = 3_600_000


def region_entry(nodes: int = 3, zones: int = 3, name: str = HERE) -> RegionEntry:
    """Return a region whose nodes take turns over its zones."""
    entries = (NodeEntry(f"{name}-{n}", f"zone-{n % zones}", f"127.0.0.1:{7000 + n}") for n in range(nodes))
    return RegionEntry(name, 1, "127.0.0.1:8000", "127.0.0.1:9000", tuple(entries))


def create(name: str, **members: object) -> CreateTable:
    """Return the creation of a table that is paid per request."""
    defaults = {
        "key_schema": SCHEMA,
        "billing_mode": BillingMode.PAY_PER_REQUEST,
        "throughput": Throughput(),
        "now_ms": 1_700_000_000_000,
        "table_id": f"id-of-{name}",
    }
    return CreateTable(name=name, **(defaults | members))  # type: ignore[arg-type]


class Catalog:
    """A catalog in memory: decides changes and believes them at once."""

    def __init__(self, rules: CatalogRules = RULES) -> None:
        self.rules = rules
        self.view = CatalogView()
        self.view.apply(founding_delta(region_entry(name=rules.region), Settings()))

    def change(self, change: CatalogChange) -> Decision:
        decision = decide(self.view, change, self.rules)
        if decision.rows:
            self.view.apply(Delta(self.view.version + 1, decision.rows))
        return decision
