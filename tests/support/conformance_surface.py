"""What tests of operations that are not available yet say again and again."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.conformance_table import Table

MISSING = "t-that-is-not-there"


def assert_not_available(call: Callable[..., Any], what: str, **parameters: Any) -> None:
    """A request that is in order is refused by type and by name, once: no SDK tries it again."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert error["Code"] == "UnsupportedOperationException"
    assert error["Message"] == f"{what} is not available yet in this version of Globetable"
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (400, 0)


def arn_of(table: Table) -> str:
    """Return a table's ARN."""
    arn: str = table.describe()["TableArn"]
    return arn


def elsewhere(arn: str) -> str:
    """Return an ARN like this one of another account."""
    return arn.replace(arn.split(":")[4], "999999999999")
