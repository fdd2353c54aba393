"""Random writes to a table with keys `pk` and a numeric `sk`, and what every one of them changed."""

import random
from collections import defaultdict
from collections.abc import Iterable

from tests.support.conformance_streams import Record
from tests.support.conformance_table import Item, Table

KEYS = [{"pk": {"S": f"p{number // 2}"}, "sk": {"N": str(number % 2)}} for number in range(12)]
Change = tuple[str, Item | None, Item | None]


class StreamWriter:
    """Write at random, and know what each write changed. Every write may be sent twice and is then no other."""

    def __init__(self, table: Table, randomness: random.Random) -> None:
        self.changes: defaultdict[str, list[Change]] = defaultdict(list)
        self._table = table
        self._random = randomness
        self._items: dict[str, Item] = {}

    def write(self, count: int) -> None:
        """Make so many writes, some of many items."""
        for _ in range(count):
            self._random.choice([self._put, self._put, self._update, self._delete, self._put_many])()

    def taken(self) -> dict[str, list[Change]]:
        """Return the changes of every item since the last call."""
        changes, self.changes = dict(self.changes), defaultdict(list)
        return changes

    def _put(self) -> None:
        item = {**self._random.choice(KEYS), "v": {"N": str(self._random.randint(0, 2))}}
        self._table.put(item)
        self._changed(item, item)

    def _put_many(self) -> None:
        items = [{**key, "v": {"S": self._random.choice("ab")}} for key in self._random.sample(KEYS, 4)]
        requests = [{"PutRequest": {"Item": item}} for item in items]
        self._table.client.batch_write_item(RequestItems={self._table.name: requests})
        for item in items:
            self._changed(item, item)

    def _update(self) -> None:
        key, value = self._random.choice(KEYS), {"N": str(self._random.randint(0, 2))}
        self._table.update(key, "SET u = :u", ExpressionAttributeValues={":u": value})
        self._changed(key, {**self._items.get(str(key), key), "u": value})

    def _delete(self) -> None:
        key = self._random.choice(KEYS)
        self._table.delete(key)
        self._changed(key, None)

    def _changed(self, item: Item, after: Item | None) -> None:
        place = str({name: item[name] for name in ("pk", "sk")})
        before = self._items.get(place)
        if after == before:
            return
        name = "REMOVE" if after is None else "INSERT" if before is None else "MODIFY"
        self.changes[place].append((name, before, after))
        if after is None:
            del self._items[place]
        else:
            self._items[place] = after


def by_item(records: Iterable[Record]) -> dict[str, list[Change]]:
    """Return the changes that records speak of, by item and in their order."""
    changes: defaultdict[str, list[Change]] = defaultdict(list)
    for record in records:
        change = record["dynamodb"]
        place = str({name: change["Keys"][name] for name in ("pk", "sk")})
        changes[place].append((record["eventName"], change.get("OldImage"), change.get("NewImage")))
    return changes
