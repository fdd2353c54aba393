"""Which regions hold a global table, as a value that regions can tell each other in any order and as often as they like.

Per region two times that only grow: when it was last added, and when it was last removed. It is a member while the former is the later
one (an observed-remove set of last writes: Shapiro et al., "A comprehensive study of convergent and commutative replicated data types",
3.3.3). Merging takes the greater of each, so all who have heard the same agree, and a region that was away while it was removed cannot
bring itself back: to be a member again it has to be added again, later. Nor can it bring others in: whoever it added after its removal is
none.
"""

from collections.abc import Iterable
from typing import Self

import msgspec
from msgspec.structs import replace


class Member(msgspec.Struct, frozen=True):
    """A region's membership of one global table."""

    region: str
    joined_ms: int = 0
    joined_by: str = ""  # the region that added it, and copies its items to it
    opened_ms: int = 0  # `joined_ms` of the latest membership whose copy is complete
    left_ms: int = 0

    @property
    def is_member(self) -> bool:
        """Whether the region holds the table, or is getting it."""
        return self.joined_ms > self.left_ms

    @property
    def is_open(self) -> bool:
        """Whether it is a member and has the whole table."""
        return self.is_member and self.opened_ms > self.left_ms

    def has_ended(self, joined_ms: int) -> bool:
        """Tell whether the membership that began then is over."""
        return joined_ms <= self.left_ms

    def joining(self, now_ms: int, by: str) -> Self:
        """Return it added by a region, later than anything known of it."""
        return replace(self, joined_ms=max(now_ms, self.joined_ms + 1, self.left_ms + 1), joined_by=by)

    def opened(self) -> Self:
        """Return it with its copy complete."""
        return replace(self, opened_ms=self.joined_ms)

    def leaving(self, now_ms: int) -> Self:
        """Return it removed, later than it was added."""
        return replace(self, left_ms=max(now_ms, self.joined_ms, self.left_ms))

    def merged(self, other: Self) -> Self:
        """Return what two regions know of it together."""
        joined_ms, joined_by = max((self.joined_ms, self.joined_by), (other.joined_ms, other.joined_by))
        return replace(
            self,
            joined_ms=joined_ms,
            joined_by=joined_by,
            opened_ms=max(self.opened_ms, other.opened_ms),
            left_ms=max(self.left_ms, other.left_ms),
        )


class Told(msgspec.Struct, frozen=True):
    """What another region has acknowledged of a global table: its news up to this version of the catalog here."""

    region: str
    version: int


class LeftTable(msgspec.Struct, frozen=True, kw_only=True):
    """What is left in a region of a global table that it does not hold any more: news for regions that have not heard of it yet."""

    name: str
    global_table_id: str
    members: tuple[Member, ...]
    waiting: tuple[str, ...]  # regions that have to be told, in order
    version: int = 0  # catalog version at which there was last news


def merged_members(*known: Iterable[Member]) -> tuple[Member, ...]:
    """Return what several regions know together, by region."""
    merged: dict[str, Member] = {}
    for member in (each for members in known for each in members):
        present = merged.get(member.region)
        merged[member.region] = member if present is None else present.merged(member)
    # In order of time: what a region did that was itself added too late is void, too.
    for member in sorted(merged.values(), key=lambda each: each.joined_ms):
        adder = merged.get(member.joined_by)
        if member.is_member and adder is not None and adder.region != member.region and _had_left(adder, member):
            merged[member.region] = member.leaving(member.joined_ms)
    return tuple(merged[region] for region in sorted(merged))


def _had_left(adder: Member, added: Member) -> bool:
    """Tell whether a region was no member any more when it added another one."""
    is_back = adder.is_member and adder.joined_ms <= added.joined_ms
    return 0 < adder.left_ms < added.joined_ms and not is_back


def member_of(members: Iterable[Member], region: str) -> Member:
    """Return what is known of a region; of one that never was a member, nothing."""
    return next((member for member in members if member.region == region), Member(region))
