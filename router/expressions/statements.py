"""What an update statement is charged before it runs: DynamoDB limits what UpdateItem writes, not only what it leaves.

An UpdateItem is refused when its statement comes to more than 409,600 bytes, whatever the item. The figures are nowhere in
AWS's guides; public test projects measured them at the limit, to the byte, in 22 of 33 regions (in the others only the
finished item counts).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from wire.expressions import Tree
from wire.items import text_size

_STATEMENT_BYTES = 3
_WRITING_BYTES = 19  # a SET or ADD
_REMOVING_BYTES = 1  # a REMOVE or DELETE; what is removed is free
_TARGET_STEP_BYTES = 4
_OPERAND_BYTES = 1
_OPERAND_STEP_BYTES = 14
_SOURCE_BYTES = {"+": 34, "-": 37, "if_not_exists": 39, "list_append": 37}


@dataclass(frozen=True, slots=True)
class StatementCost:
    """What a statement's shape costs, and how often each of its values is charged on top of that."""

    fixed_bytes: int
    uses: Mapping[str, int]

    def total_bytes(self, value_bytes: Mapping[str, int]) -> int:
        """Return the charge for values of these sizes."""
        return self.fixed_bytes + sum(value_bytes[name] * count for name, count in self.uses.items())


def statement_cost(update: Tree, values: tuple[str, ...]) -> StatementCost:
    """Return the cost of an update's tree, whose values have these names."""
    fixed_bytes = _STATEMENT_BYTES
    uses: Counter[str] = Counter()
    for kind, target, *sources in update[1:]:
        fixed_bytes += _target_bytes(target)
        if kind in ("remove", "delete"):
            fixed_bytes += _REMOVING_BYTES
            continue
        fixed_bytes += _WRITING_BYTES + sum(_source_bytes(source, values, uses) for source in sources)
    return StatementCost(fixed_bytes, dict(uses))


def _target_bytes(path: Tree) -> int:
    _, first, *steps = path
    return text_size(first) + sum(_TARGET_STEP_BYTES + text_size(str(step)) for step in steps)


def _source_bytes(source: Tree, values: tuple[str, ...], uses: Counter[str]) -> int:
    """Return what a source costs but for the values in it, which are counted in `uses`; what it reads is free."""
    operator, *arguments = source
    if operator == "v":
        uses[values[arguments[0]]] += 1
        return 0
    if operator == "p":
        return _OPERAND_BYTES + sum(_OPERAND_STEP_BYTES + text_size(str(step)) for step in arguments)
    return _SOURCE_BYTES[operator] + sum(_source_bytes(argument, values, uses) for argument in arguments)
