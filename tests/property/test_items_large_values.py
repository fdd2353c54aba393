"""What is remembered about large values is what looking at them again would say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from node.items.conditions import bound_condition, compiled_condition
from node.items.large_values import SMALL_MAX
from tests.support.attribute_values import values
from wire.expressions import all_of, any_of, comparison, contains, negated, one_of, packed, path, unpacked, value
from wire.items import AttributeValue, Item, encoded_binary, normalized_value

MANY = SMALL_MAX + 1

few = st.lists(values, min_size=1, max_size=4).map(lambda found: [normalized_value(each) for each in found])
containers = st.one_of(
    few.map(lambda elements: {"L": (elements * MANY)[: MANY + 3]}),
    few.map(lambda elements: {"M": {f"m{at}": elements[at % len(elements)] for at in range(MANY)}}),
    st.sets(st.integers(0, 200), min_size=MANY).map(lambda found: {"NS": [str(each) for each in sorted(found)]}),
    st.binary(min_size=100, max_size=300).map(lambda raw: {"B": encoded_binary(raw)}),
)


def copied(given_: AttributeValue, *, changed: bool) -> AttributeValue:
    """Return another value of the same form, or one that differs at its end."""
    ((kind, payload),) = given_.items()
    match payload:
        case list():
            return {kind: [*payload[:-1], {"S": "other"} if kind == "L" else "999"] if changed else [*payload]}
        case dict():
            return {kind: {**payload, "m0": {"S": "other"}} if changed else {**payload}}
    return {kind: encoded_binary(b"other") if changed else payload}


# Asked once, nothing is remembered; asked three times, the last answers are from memory: all must be those of plain Python.
@settings(deadline=None)  # a busy machine is no failure
@given(containers, few, st.booleans())
def test_remembered_answers_are_the_answers(large: AttributeValue, parts: list[AttributeValue], changed: bool) -> None:
    other = copied(large, changed=changed)
    ((kind, payload),) = large.items()
    probes = [*parts, {"N": "7"}, *(payload[:2] if kind == "L" else ())]
    item: Item = {"a": large}
    values_ = [other, *probes]
    wanted = {packed(comparison("=", path("a"), value(0))): large == other}
    wanted[packed(comparison("<>", path("a"), value(0)))] = large != other
    wanted[packed(one_of(path("a"), value(1), value(0)))] = large in values_[:2]
    for at, probe in enumerate(probes, 1):
        tree = packed(contains(path("a"), value(at)))
        if kind == "L":
            wanted[tree] = probe in payload
        elif kind == "NS":
            wanted[tree] = probe.get("N") in payload
    for tree_bytes, holds in wanted.items():
        tree = unpacked(tree_bytes)
        fact = tree if holds else negated(tree)
        thrice = packed(all_of(*[any_of(fact, negated(["exists", path("a")]))] * 3))
        assert compiled_condition(tree_bytes)(item, values_) is holds
        assert compiled_condition(thrice)(item, values_)
        assert bound_condition(thrice, values_)(item, values_)
        # Nothing of one item may be known of the next.
        assert compiled_condition(thrice)({}, values_)
