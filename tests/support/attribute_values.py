"""Attribute values, items, paths and expression trees to draw from: small enough that they often meet one another."""

from base64 import b64encode
from decimal import Decimal

from hypothesis import strategies as st

from wire import expressions
from wire.expressions import COMPARATORS, Step, Tree
from wire.items import AttributeValue, Item, normalized_value

NAMES = ("a", "b", "c d", "#")

names = st.sampled_from(NAMES)
texts = st.one_of(st.sampled_from(["", "a", "ab", "b", "é𝄞"]), st.text(max_size=4))
binaries = st.binary(max_size=3).map(lambda raw: b64encode(raw).decode("ascii"))
numbers = st.one_of(
    st.integers(-3, 12).map(str),
    st.decimals(Decimal("-1E5"), Decimal("1E5"), places=2).map(str),
    st.sampled_from(["1E3", "0.10", "-0", "1E-5", "9E125", "12345678901234567890123456789012345678"]),
)

scalars: st.SearchStrategy[AttributeValue] = st.one_of(
    texts.map(lambda text: {"S": text}),
    numbers.map(lambda text: {"N": text}),
    binaries.map(lambda text: {"B": text}),
)

sets: st.SearchStrategy[AttributeValue] = st.one_of(
    st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members}),
    st.lists(numbers, min_size=1, max_size=3, unique_by=Decimal).map(lambda members: {"NS": members}),
    st.lists(binaries, min_size=1, max_size=3, unique=True).map(lambda members: {"BS": members}),
)

# As requests send them: not yet in normal form.
raw_values: st.SearchStrategy[AttributeValue] = st.recursive(
    st.one_of(scalars, sets, st.just({"NULL": True}), st.booleans().map(lambda truth: {"BOOL": truth})),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda elements: {"L": elements}),
        st.dictionaries(names, inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=8,
)

raw_items: st.SearchStrategy[Item] = st.dictionaries(names, raw_values, max_size=4)

values = raw_values.map(normalized_value)
items: st.SearchStrategy[Item] = st.dictionaries(names, values, max_size=4)

steps = st.one_of(names, st.integers(0, 4))
paths: st.SearchStrategy[Tree] = st.builds(
    lambda name, below: expressions.path(name, *below), names, st.lists(steps, max_size=3)
)

# Two numbers, a set and a list among them, so that most operators find a value they can use.
value_lists = st.tuples(
    numbers.map(lambda text: {"N": text}),
    numbers.map(lambda text: {"N": text}),
    sets,
    st.lists(scalars, max_size=2).map(lambda elements: {"L": elements}),
    raw_values,
    raw_values,
).map(lambda drawn: [normalized_value(value) for value in drawn])
value_references = st.integers(0, 5).map(expressions.value)

operands: st.SearchStrategy[Tree] = st.one_of(
    paths, value_references, st.one_of(paths, value_references).map(expressions.size)
)

comparisons: st.SearchStrategy[Tree] = st.one_of(
    st.builds(expressions.comparison, st.sampled_from(COMPARATORS), operands, operands),
    st.builds(expressions.between, operands, operands, operands),
    st.builds(
        lambda operand, others: expressions.one_of(operand, *others),
        operands,
        st.lists(operands, min_size=1, max_size=3),
    ),
    st.builds(expressions.exists, paths),
    st.builds(expressions.not_exists, paths),
    st.builds(expressions.has_type, operands, value_references),
    st.builds(expressions.begins_with, operands, operands),
    st.builds(expressions.contains, operands, operands),
)

conditions: st.SearchStrategy[Tree] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        inner.map(expressions.negated),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: expressions.all_of(*parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: expressions.any_of(*parts)),
    ),
    max_leaves=6,
)

number_references = st.integers(0, 1).map(expressions.value)
set_references = st.just(expressions.value(2))
list_references = st.just(expressions.value(3))

terms: st.SearchStrategy[Tree] = st.one_of(
    paths, number_references, st.builds(expressions.if_not_exists, paths, number_references)
)
lists: st.SearchStrategy[Tree] = st.one_of(
    paths, list_references, st.builds(expressions.if_not_exists, paths, list_references)
)
sources: st.SearchStrategy[Tree] = st.one_of(
    value_references,
    paths,
    st.builds(expressions.if_not_exists, paths, st.one_of(paths, value_references)),
    st.builds(expressions.plus, terms, terms),
    st.builds(expressions.minus, terms, terms),
    st.builds(expressions.list_append, lists, lists),
)

actions: st.SearchStrategy[Tree] = st.one_of(
    st.builds(expressions.assign, paths, sources),
    st.builds(expressions.assign, paths, value_references),
    st.builds(expressions.remove, paths),
    st.builds(expressions.add, paths, st.one_of(number_references, set_references)),
    st.builds(expressions.delete, paths, set_references),
)


def paths_in(tree: Tree) -> list[Tree]:
    """Return all document paths in a tree."""
    if tree[0] == "p":
        return [tree]
    return [path for part in tree if isinstance(part, list) for path in paths_in(part)]


@st.composite
def items_for(draw: st.DrawFn, tree: Tree) -> Item:
    """Draw an item in which many of a tree's paths lead somewhere."""
    document: AttributeValue = {"M": draw(items)}
    useful = st.one_of(
        values,
        st.sampled_from(
            [{"N": "7"}, {"SS": ["a", "b"]}, {"NS": ["1", "2"]}, {"L": [{"S": "x"}, {"N": "2"}]}, {"M": {}}]
        ),
    )
    for _, *path in paths_in(tree):
        if draw(st.integers(0, 3)):
            document = _with(document, path, draw(useful))
    return document["M"]


def _with(value: AttributeValue, path: list[Step], leaf: AttributeValue) -> AttributeValue:
    """Return a value that has a leaf at a path, if need be by replacing what does not lead there."""
    if not path:
        return leaf
    step, *rest = path
    if isinstance(step, str):
        members = value.get("M", {})
        return {"M": members | {step: _with(members.get(step, {}), rest, leaf)}}
    elements = [*value.get("L", ())]
    elements += [{"N": str(index)} for index in range(len(elements), step + 1)]
    elements[step] = _with(elements[step], rest, leaf)
    return {"L": elements}


def go_together(first: Tree, second: Tree) -> bool:
    """Say whether two paths lead to different places without contradicting each other."""
    for one, other in zip(first[1:], second[1:], strict=False):
        if type(one) is not type(other):
            return False
        if one != other:
            return True
    return False


@st.composite
def updates(draw: st.DrawFn) -> Tree:
    """Draw an update whose paths go together."""
    chosen: list[Tree] = []
    for action in draw(st.lists(actions, min_size=1, max_size=4)):
        if all(go_together(action[1], other[1]) for other in chosen):
            chosen.append(action)
    return expressions.update(*chosen)


@st.composite
def projections(draw: st.DrawFn) -> Tree:
    """Draw a projection whose paths go together."""
    chosen: list[Tree] = []
    for path in draw(st.lists(paths, min_size=1, max_size=6)):
        if all(go_together(path, other) for other in chosen):
            chosen.append(path)
    return expressions.projection(*chosen)
