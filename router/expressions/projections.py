"""Projections bound to names: that they are defined, that their paths go well together, and the tree."""

from router.expressions.bindings import Binding
from router.expressions.paths import check_disjoint
from router.expressions.syntax import Node
from wire import expressions
from wire.expressions import Tree


def bound_projection(node: Node, binding: Binding) -> Tree:
    """Return the tree of a projection for a request's names, or raise Fault."""
    binding.check_defined(node)
    paths = [binding.path(path) for path in node[1:]]
    check_disjoint(paths)
    return expressions.projection(*paths)
