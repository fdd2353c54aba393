"""What is said of a request that the API's model forbids, in regions that are told how to speak.

Always against embedded regions of its own: an endpoint given may be set otherwise.
"""

import pytest

from tests.conformance.conftest import Endpoint
from tests.support.conformance_embedded import embedded_region
from tests.support.conformance_table import invalid
from wire.cluster import WordingOfErrors

CONSTRAINT = "failed to satisfy constraint: Member must have length greater than or equal to 1"


# The setting reaches every router; which words there are, the unit tests say.
@pytest.mark.parametrize(
    ("wording", "where"), [("classic", "Value '' at 'tableName'"), ("current", "Value at 'TableName'")]
)
def test_the_setting(tmp_path_factory: pytest.TempPathFactory, wording: WordingOfErrors, where: str) -> None:
    with embedded_region(tmp_path_factory.mktemp("wording"), "us-east-1", validation_wording=wording) as url:
        endpoint = Endpoint(url, "us-east-1", "key", "secret")
        with endpoint.client("dynamodb") as client:
            text = invalid(client.put_item, TableName="", Item={})
    assert text == f"1 validation error detected: {where} {CONSTRAINT}"
