"""Which attributes an expression tree reads, held against a table's key.

Knows AWS's rules about key attributes in expressions; refuses to know what the expressions do.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from wire.errors import validation_error
from wire.expressions import Tree, kept_by_tree, unpacked
from wire.tables import TableSpec

_TREES_MAX: Final = 1024  # distinct trees remembered; the least used is forgotten


class ReadAttributes(NamedTuple):
    """Top-level attributes a tree reads at all, and those it reads inside."""

    names: frozenset[str]
    nested: frozenset[str]


@kept_by_tree(_TREES_MAX)
def attributes_read(data: bytes) -> ReadAttributes:
    """Return what the tree with these bytes reads."""
    paths = list(_paths(unpacked(data)))
    return ReadAttributes(frozenset(path[1] for path in paths), frozenset(path[1] for path in paths if len(path) > 2))


def require_scalar_keys(spec: TableSpec, data: bytes) -> None:
    """Refuse a tree that looks inside a key attribute of the table or of one of its indexes."""
    if not data:
        return
    nested = attributes_read(data).nested
    if not nested:
        return
    for kind, names in (("Key", spec.key_schema.names()), *(("IndexKey", index.names()) for index in spec.indexes)):
        for name in names:
            if name in nested:
                raise validation_error(
                    "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
                    f"{kind}: {name}"
                )


def require_no_keys(names: Iterable[str], data: bytes, filtered_by: str) -> None:
    """Refuse a query's filter that reads one of the key attributes `names`; AWS says by what it is filtered."""
    if not data:
        return
    read = attributes_read(data).names
    for name in names:
        if name in read:
            raise validation_error(
                f"{filtered_by} can only contain non-primary key attributes: Primary key attribute: {name}"
            )


def _paths(tree: Tree) -> list[Tree]:
    if tree[0] == "p":
        return [tree]
    return [found for part in tree if isinstance(part, list) for found in _paths(part)]
