"""What tests of operations that are not available yet say again and again."""

from collections.abc import Callable
from typing import Any

from tests.support.conformance_table import Table, refused

MISSING = "t-that-is-not-there"


def assert_not_available(call: Callable[..., Any], what: str, **parameters: Any) -> None:
    """A request that is in order is refused by type and by name, and by nothing else."""
    code, text = refused(call, **parameters)
    assert (code, text) == (
        "UnsupportedOperationException",
        f"{what} is not available yet in this version of Globetable",
    )


def arn_of(table: Table) -> str:
    """Return a table's ARN."""
    arn: str = table.describe()["TableArn"]
    return arn


def elsewhere(arn: str) -> str:
    """Return an ARN like this one of another account."""
    return arn.replace(arn.split(":")[4], "999999999999")
