"""The region as operations see it: tables by name, commands by token, changes of the catalog.

The seam between what a request means and where its items live. Operations refuse to know nodes, leaders, epochs and
retries; whoever implements `Store` refuses to know the API.
"""

from typing import Protocol

from wire.catalog import CatalogView, PartitionId, Placement
from wire.catalog_changes import CatalogChange, Decided
from wire.cluster import Home
from wire.commands import Command, Outcome


class Store(Protocol):
    """Carry out commands in one region.

    Every refusal and failure is raised as a StoreError, so no outcome is ever NotLeader or Failed. Deadlines are on the
    monotonic clock, in seconds; past one, what is under way is given up and DEADLINE_EXCEEDED, UNKNOWN_OUTCOME or UNANSWERED is
    raised.
    """

    @property
    def view(self) -> CatalogView:
        """Return the catalog as last heard of; its owner brings it forward in place."""
        ...

    @property
    def region(self) -> str:
        """Return the name of the region."""
        ...

    @property
    def home(self) -> Home:
        """Return the region and the account that everything in it belongs to, as ARNs name them."""
        ...

    async def execute(self, token: int, command: Command, *, deadline: float) -> Outcome:
        """Carry out a command in the partition that holds `token`."""
        ...

    async def execute_on(self, partition: PartitionId, command: Command, *, deadline: float) -> Outcome:
        """Carry out a command in a partition that is known by its id."""
        ...

    def partitions(self, lower: int, upper: int) -> tuple[Placement, ...]:
        """Return the partitions that hold the tokens lower <= token < upper, in token order."""
        ...

    async def change(self, change: CatalogChange, *, deadline: float) -> Decided:
        """Have the catalog decide a change; when it returns, `view` has reached the decided version."""
        ...
