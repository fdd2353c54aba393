"""Keys of index rows: they sort like what they are made of, can be read back, and only whole ones exist."""

from base64 import b64encode
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wire.indexes import base_key, key_members, partition_of, row_of
from wire.items import Item, item_size
from wire.keys import AttributeType, ItemKey, encode_key_value
from wire.limits import PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from wire.tables import IndexSpec, KeyAttribute, KeySchema, ProjectionType

# Bytes around the escape and the end of a segment, and values that begin one another, are where order would break.
RAW = st.binary(min_size=1, max_size=4) | st.lists(
    st.sampled_from([b"\x00", b"\x01", b"\xff", b"a"]), min_size=1, max_size=4
).map(b"".join)
TEXTS = st.sampled_from(["\x00", "\x00\x01", "a", "a\x00", "a\x01", "aa", "é", "\x01"]) | st.text(
    min_size=1, max_size=3
)
VALUES: dict[AttributeType, st.SearchStrategy[str]] = {
    "S": TEXTS,
    "N": st.integers(-20, 20).map(str) | st.sampled_from(["1.5", "-0.25", "1000000000000000000000"]),
    "B": RAW.map(lambda raw: b64encode(raw).decode()),
}
types: st.SearchStrategy[AttributeType] = st.sampled_from(["S", "N", "B"])


def attributes(prefix: str, least: int, most: int) -> st.SearchStrategy[tuple[KeyAttribute, ...]]:
    return st.lists(types, min_size=least, max_size=most).map(
        lambda drawn: tuple(KeyAttribute(f"{prefix}{number}", type_) for number, type_ in enumerate(drawn))
    )


schemas = st.builds(
    KeySchema,
    types.map(lambda type_: KeyAttribute("p", type_)),
    st.none() | types.map(lambda type_: KeyAttribute("s", type_)),
)


@st.composite
def indexes(draw: st.DrawFn) -> tuple[KeySchema, IndexSpec]:
    """Draw a table's keys, and a local or a global index on it."""
    schema = draw(schemas)
    is_local = draw(st.booleans())
    partition = (schema.partition,) if is_local else draw(attributes("hash", 1, 4))
    sort = draw(attributes("range", 1, 1) if is_local else attributes("range", 0, 4))
    return schema, IndexSpec(number=1, name="i", is_local=is_local, partition=partition, sort=sort)


def key_attributes(schema: KeySchema, index: IndexSpec) -> list[KeyAttribute]:
    """Return every key attribute, in the order in which rows of one index partition sort by them."""
    own = [*index.sort] if index.is_local else [*index.sort, schema.partition]
    return own if schema.sort is None else [*own, schema.sort]


def drawn_item(draw: st.DrawFn, schema: KeySchema, index: IndexSpec) -> Item:
    every = {each.name: each for each in (*index.partition, *key_attributes(schema, index), schema.partition)}
    return {name: {each.type: draw(VALUES[each.type])} for name, each in every.items()}


def item_key(schema: KeySchema, item: Item) -> ItemKey:
    encoded = [encode_key_value(each.type, _text(item, each)) for each in (schema.partition, schema.sort) if each]
    return ItemKey(*encoded)


def _text(item: Item, attribute: KeyAttribute) -> str:
    value: Any = item[attribute.name]
    text: str = value[attribute.type]
    return text


def comparable(attribute: KeyAttribute, item: Item) -> Any:
    """Return a value as DynamoDB compares it: text by its UTF-8, numbers by size, binaries by their bytes."""
    text = _text(item, attribute)
    return Decimal(text) if attribute.type == "N" else encode_key_value(attribute.type, text)


# Everything an index is for: within one partition of it, bytes of row keys are in the order of the index's values, and rows with
# equal ones in the order of the table's keys.
@given(st.data(), indexes())
def test_row_keys_sort_like_their_values(data: st.DataObject, drawn: tuple[KeySchema, IndexSpec]) -> None:
    schema, index = drawn
    draw: Any = data.draw
    left, right = drawn_item(draw, schema, index), drawn_item(draw, schema, index)
    right.update({each.name: left[each.name] for each in index.partition})
    rows = [row_of(schema, index, item_key(schema, item), item) for item in (left, right)]
    assert rows[0] is not None
    assert rows[1] is not None
    assert rows[0].key.partition == rows[1].key.partition
    values = [[comparable(each, item) for each in key_attributes(schema, index)] for item in (left, right)]
    assert (rows[0].key.sort < rows[1].key.sort) == (values[0] < values[1])
    assert (rows[0].key.sort == rows[1].key.sort) == (values[0] == values[1])


# A page's last row becomes the client's LastEvaluatedKey and comes back: nothing of a key may be lost.
@given(st.data(), indexes())
def test_keys_are_read_back_from_rows(data: st.DataObject, drawn: tuple[KeySchema, IndexSpec]) -> None:
    schema, index = drawn
    draw: Any = data.draw
    item = drawn_item(draw, schema, index)
    key = item_key(schema, item)
    row = row_of(schema, index, key, item)
    assert row is not None
    assert base_key(index, row.key) == key
    members = key_members(schema, index, row.key)
    every = [*index.partition, *index.sort, schema.partition, *([schema.sort] if schema.sort else [])]
    assert list(members) == list(dict.fromkeys(each.name for each in every))
    assert {each.name: comparable(each, members) for each in every} == {
        each.name: comparable(each, item) for each in every
    }


# Different partition values must never meet in one partition of the index, however their bytes are cut.
@given(st.lists(RAW, min_size=1, max_size=4), st.lists(RAW, min_size=1, max_size=4))
def test_partitions_of_different_values_stay_apart(left: list[bytes], right: list[bytes]) -> None:
    if len(left) == len(right):
        assert (partition_of(left) == partition_of(right)) == (left == right)


# An item without all key attributes in their types and sizes has no row: that is what makes an index sparse.
@given(st.data(), indexes())
def test_an_item_without_whole_keys_has_no_row(data: st.DataObject, drawn: tuple[KeySchema, IndexSpec]) -> None:
    schema, index = drawn
    draw: Any = data.draw
    item = drawn_item(draw, schema, index)
    key = item_key(schema, item)
    own = [each for each in (*index.partition, *index.sort) if each.name not in schema.names()]
    if not own:
        return
    attribute = data.draw(st.sampled_from(own))
    bytes_max = PARTITION_KEY_BYTES_MAX if attribute in index.partition else SORT_KEY_BYTES_MAX
    other: dict[str, Any] = {"S": {"N": "1"}, "N": {"S": "1"}, "B": {"S": "a"}}
    wrong: list[Any] = [None, other[attribute.type], {"M": {}}]
    if attribute.type == "S":
        wrong += [{"S": ""}, {"S": "x" * (bytes_max + 1)}]
        item[attribute.name] = {"S": "x" * bytes_max}
        assert row_of(schema, index, key, item) is not None
    item[attribute.name] = data.draw(st.sampled_from(wrong))
    if item[attribute.name] is None:
        del item[attribute.name]
    assert row_of(schema, index, key, item) is None


# Capacity, pages and collection sizes rest on the size of what a row holds.
@given(st.data(), indexes(), st.sampled_from(ProjectionType))
def test_a_row_holds_what_is_projected(
    data: st.DataObject, drawn: tuple[KeySchema, IndexSpec], projection: ProjectionType
) -> None:
    schema, plain = drawn
    draw: Any = data.draw
    extra = ("wanted",) if projection is ProjectionType.INCLUDE else ()
    index = IndexSpec(
        number=plain.number,
        name=plain.name,
        is_local=plain.is_local,
        partition=plain.partition,
        sort=plain.sort,
        projection=projection,
        non_key_attributes=extra,
    )
    item = drawn_item(draw, schema, index)
    keys = {name: value for name, value in item.items() if name in (*schema.names(), *index.names())}
    item |= {"wanted": {"S": "w"}, "other": {"L": []}}
    row = row_of(schema, index, item_key(schema, item), item)
    assert row is not None
    wanted = {
        ProjectionType.ALL: item,
        ProjectionType.KEYS_ONLY: keys,
        ProjectionType.INCLUDE: {**keys, "wanted": {"S": "w"}},
    }
    assert row.item == wanted[projection]
    assert row.size == item_size(row.item)
