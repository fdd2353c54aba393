"""Expression trees as data: their builders write the documented grammar, their bytes come back."""

from wire import expressions as e


# The arrays travel between processes of different versions; a changed letter here is a changed protocol.
def test_condition_trees() -> None:
    tree = e.any_of(
        e.all_of(
            e.comparison("<>", e.path("a", "b", 0), e.value(0)),
            e.between(e.size(e.path("c")), e.value(1), e.value(2)),
            e.one_of(e.path("d"), e.value(3), e.path("e")),
        ),
        e.negated(e.exists(e.path("f"))),
        e.not_exists(e.path("g")),
        e.has_type(e.path("h"), e.value(4)),
        e.begins_with(e.path("i"), e.value(5)),
        e.contains(e.path("j"), e.value(6)),
    )
    assert e.packed(tree) == (
        b'["or",["and",["<>",["p","a","b",0],["v",0]],["between",["size",["p","c"]],["v",1],["v",2]],'
        b'["in",["p","d"],["v",3],["p","e"]]],["not",["exists",["p","f"]]],["not_exists",["p","g"]],'
        b'["type",["p","h"],["v",4]],["begins_with",["p","i"],["v",5]],["contains",["p","j"],["v",6]]]'
    )
    assert e.unpacked(e.packed(tree)) == tree


# Updates and projections travel the same way.
def test_update_and_projection_trees() -> None:
    tree = e.update(
        e.assign(e.path("a"), e.plus(e.if_not_exists(e.path("a"), e.value(0)), e.value(1))),
        e.assign(e.path("b"), e.minus(e.value(1), e.path("c"))),
        e.assign(e.path("l"), e.list_append(e.path("l"), e.value(2))),
        e.remove(e.path("d", 1)),
        e.add(e.path("n"), e.value(0)),
        e.delete(e.path("s"), e.value(3)),
    )
    assert e.packed(tree) == (
        b'["update",["set",["p","a"],["+",["if_not_exists",["p","a"],["v",0]],["v",1]]],'
        b'["set",["p","b"],["-",["v",1],["p","c"]]],["set",["p","l"],["list_append",["p","l"],["v",2]]],'
        b'["remove",["p","d",1]],["add",["p","n"],["v",0]],["delete",["p","s"],["v",3]]]'
    )
    assert e.packed(e.projection(e.path("a"), e.path("b", "c"))) == b'["project",["p","a"],["p","b","c"]]'


# A node caches what it compiled by a tree's bytes, so what means the same should be the same where that is cheap.
def test_junctions_are_flat_and_negations_single() -> None:
    a, b, c = (e.exists(e.path(name)) for name in "abc")
    assert e.all_of(e.all_of(a, b), c) == e.all_of(a, e.all_of(b, c)) == ["and", a, b, c]
    assert e.any_of(e.any_of(a, b), e.all_of(b, c)) == ["or", a, b, ["and", b, c]]
    assert e.all_of(a) == e.any_of(a) == a
    assert e.negated(e.negated(a)) == a
