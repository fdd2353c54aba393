"""What is made of trees is kept, but not of long ones: a client chooses how long they are."""

from wire.expressions import TREE_BYTES_KEPT_MAX, exists, kept_by_tree, packed, path


# The one bound on the number of trees is not enough: a tree is as long as the names in it.
def test_short_trees_are_kept_and_long_ones_are_not() -> None:
    made: list[bytes] = []

    @kept_by_tree(2)
    def measured(data: bytes) -> int:
        made.append(data)
        return len(data)

    short = [packed(exists(path(name))) for name in "abc"]
    long = packed(exists(path("n" * TREE_BYTES_KEPT_MAX)))
    for tree in (short[0], long, short[0], long, short[1], short[2], short[0]):
        assert measured(tree) == len(tree)
    assert made == [short[0], long, long, short[1], short[2], short[0]]
