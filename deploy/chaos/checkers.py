"""Judge a history against what the store holds afterwards. Each checker returns the breaches it found, as lines for people."""

from collections.abc import Callable, Iterable, Sequence

from deploy.chaos.history import Ended, Observation

Read = Callable[[str], dict[str, dict[str, str]] | None]


def lost_puts(history: Sequence[Observation], read: Read) -> list[str]:
    """Return a line for every acknowledged unique put that cannot be read back as written."""
    acknowledged = [each for each in history if each.action == "put" and each.outcome is Ended.OK]
    return [f"acknowledged put of {each.key} is lost" for each in acknowledged if not _holds(read(each.key), each.key)]


def wrong_counters(history: Sequence[Observation], read: Read) -> list[str]:
    """Return a line for every counter that lost an acknowledged increment, or holds one nobody can have made.

    The final value is the highest acknowledged one, or up to one more for each increment of unknown outcome.
    """
    breaches = []
    for key, adds in _by_key(each for each in history if each.action == "add").items():
        item = read(key)
        final = int(item["n"]["N"]) if item else 0
        lowest = max((each.value for each in adds if each.outcome is Ended.OK), default=0)
        attempted = [each.value for each in adds if each.outcome is not Ended.REFUSED]
        if not lowest <= final <= max([lowest, *attempted]):
            breaches.append(f"{key} is {final}, expected {lowest} to {max([lowest, *attempted])}")
        breaches += _doubled(key, adds)
    return breaches


def stale_reads(history: Sequence[Observation]) -> list[str]:
    """Return a line for every strong read that shows less than what was acknowledged before it began."""
    breaches = []
    for key, operations in _by_key(each for each in history if each.action in ("add", "read")).items():
        acknowledged = sorted(
            (each.ended, each.value) for each in operations if each.action == "add" and each.outcome is Ended.OK
        )
        for each in operations:
            if each.action == "read" and each.outcome is Ended.OK:
                floor = max((value for ended, value in acknowledged if ended < each.began), default=0)
                if each.value < floor:
                    breaches.append(f"strong read of {key} showed {each.value} after {floor} was acknowledged")
    return breaches


def longest_outage(history: Sequence[Observation]) -> float:
    """Return the longest time, in seconds, that any worker went without an acknowledged write or an answered read."""
    longest = 0.0
    for operations in _by_worker(history).values():
        last = operations[0].began
        for each in operations:
            if each.outcome is not Ended.UNKNOWN:
                longest = max(longest, each.ended - last)
                last = each.ended
    return longest


def _doubled(key: str, adds: Sequence[Observation]) -> list[str]:
    values = [each.value for each in adds if each.outcome is Ended.OK]
    return [f"{key}: increment to {value} was acknowledged twice" for value in set(values) if values.count(value) > 1]


def _holds(item: dict[str, dict[str, str]] | None, key: str) -> bool:
    return item is not None and item.get("v", {}).get("S") == f"value of {key}"


def _by_key(observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    groups: dict[str, list[Observation]] = {}
    for each in observations:
        groups.setdefault(each.key, []).append(each)
    return groups


def _by_worker(observations: Iterable[Observation]) -> dict[int, list[Observation]]:
    groups: dict[int, list[Observation]] = {}
    for each in observations:
        groups.setdefault(each.worker, []).append(each)
    return groups
