"""What capacity an account and a table may have, and what a table can take at once. Pure.

Sources: AWS's "Quotas" and "Warm throughput" pages.
"""

from typing import Final

from wire.tables import BillingMode, Throughput

ACCOUNT_UNITS_MAX: Final = 80_000
TABLE_UNITS_MAX: Final = 40_000
# What a new on-demand table serves at once.
ON_DEMAND_WARM: Final = Throughput(read_units=12_000, write_units=4_000)


def warm_throughput(mode: BillingMode, throughput: Throughput, warm: Throughput) -> Throughput:
    """Return what a table or an index can take at once: what was asked for or was once reached, and never less than its mode gives."""
    given = ON_DEMAND_WARM if mode is BillingMode.PAY_PER_REQUEST else throughput
    return larger(given, warm)


def larger(one: Throughput, other: Throughput) -> Throughput:
    """Return the larger of reads and the larger of writes."""
    return Throughput(max(one.read_units, other.read_units), max(one.write_units, other.write_units))
