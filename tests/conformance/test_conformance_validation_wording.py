"""What is said of a request that the API's model forbids, in a region that is told to speak as most of AWS does since 2026.

Always against an embedded region of its own: an endpoint given may be set otherwise.
"""

from typing import Any

import pytest

from tests.conformance.conftest import Endpoint
from tests.support.conformance_embedded import embedded_region
from tests.support.conformance_table import invalid


# The setting reaches every router: the first error alone, without its value, under the name that the model has for the member.
def test_the_first_error_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    with embedded_region(tmp_path_factory.mktemp("wording"), "us-east-1", validation_wording="first-only") as url:
        endpoint = Endpoint(url, "us-east-1", "key", "secret")
        with endpoint.client("dynamodb") as client:
            request: dict[str, Any] = {"TableName": "", "Item": {}, "ReturnValues": "never"}
            text = invalid(client.put_item, **request)
    assert text == (
        "1 validation error detected: Value at 'TableName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
