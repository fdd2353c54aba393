"""Which parameters of a request go together: expressions, their names and values, and the parameters older than expressions."""

from collections.abc import Mapping

from wire.errors import validation_error


def check_parameters(
    *,
    expressions: Mapping[str, object],
    legacy: Mapping[str, object],
    names: object,
    values: object,
) -> None:
    """Raise a validation StoreError when a request mixes both generations, or brings names or values for no expression.

    Pass, in AWS's order, every parameter of its kind that the operation knows: the value in the request, or None.
    """
    given = [name for name, value in expressions.items() if value is not None]
    # Key conditions of the old kind go together with expressions of the new one, unless there are both of them.
    older = [
        name
        for name, value in legacy.items()
        if value is not None and (name != "KeyConditions" or expressions.get("KeyConditionExpression") is not None)
    ]
    if given and older:
        raise validation_error(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(older)}}} Expression parameters: {{{', '.join(given)}}}"
        )
    if names is not None and not given:
        raise validation_error("ExpressionAttributeNames can only be specified when using expressions")
    _check_values_wanted(expressions, values)


def _check_values_wanted(expressions: Mapping[str, object], values: object) -> None:
    takers = [name for name in expressions if name != "ProjectionExpression"]
    if values is None or not takers or any(expressions[name] is not None for name in takers):
        return
    raise validation_error(
        "ExpressionAttributeValues can only be specified when using expressions: "
        f"{' and '.join(takers)} {'is' if len(takers) == 1 else 'are'} null"
    )
