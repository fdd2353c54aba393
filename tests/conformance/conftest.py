"""The endpoint under test, its clients, and tables that are gone after each test.

By default the endpoint is an embedded region in this process; `--endpoint URL` names any other that speaks the API.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.conformance_table import HASH, STRING_KEY, Table, drop, wait_until_active

# The client's own validation is off: what the endpoint says is what is tested.
_CONFIG = Config(parameter_validation=False, retries={"mode": "standard", "max_attempts": 5}, read_timeout=60)
# A client tries LimitExceededException again as if it were throttling; who tests it does not want to wait.
_ONCE = _CONFIG.merge(Config(retries={"mode": "standard", "max_attempts": 1}))


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and with what they are signed."""

    url: str
    region: str
    access_key: str
    secret_key: str

    @contextmanager
    def client(self, service: str, config: Config = _CONFIG) -> Iterator[Any]:
        made = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=config,
        )
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    options = request.config
    credentials = options.getoption("--access-key"), options.getoption("--secret-key")
    region = options.getoption("--region")
    if url := options.getoption("--endpoint"):
        yield Endpoint(url, region, *credentials)
        return
    from tests.support.conformance_embedded import embedded_region

    with embedded_region(tmp_path_factory.mktemp("embedded"), region) as url:
        yield Endpoint(url, region, *credentials)


@pytest.fixture(scope="session")
def dynamodb(endpoint: Endpoint) -> Iterator[Any]:
    with endpoint.client("dynamodb") as client:
        yield client


@pytest.fixture(scope="session")
def impatient(endpoint: Endpoint) -> Iterator[Any]:
    """Return a client that tries everything once."""
    with endpoint.client("dynamodb", _ONCE) as client:
        yield client


@pytest.fixture(scope="session")
def streams(endpoint: Endpoint) -> Iterator[Any]:
    with endpoint.client("dynamodbstreams") as client:
        yield client


@pytest.fixture
def table_name(dynamodb: Any) -> Iterator[str]:
    """Return a name that no table has; a table that a test makes of it is dropped."""
    name = f"t-{uuid.uuid4().hex}"
    yield name
    drop(dynamodb, name)


MakeTable = Callable[..., Table]


@pytest.fixture
def make_table(dynamodb: Any) -> Iterator[MakeTable]:
    """Return what makes on-demand tables; a sort key is given as its type, other parameters are AWS's."""
    made = []

    def make(sort: str | None = None, **parameters: Any) -> Table:
        name = f"t-{uuid.uuid4().hex}"
        definitions = [STRING_KEY] + ([{"AttributeName": "sk", "AttributeType": sort}] if sort else [])
        schema = [HASH] + ([{"AttributeName": "sk", "KeyType": "RANGE"}] if sort else [])
        settings = {"BillingMode": "PAY_PER_REQUEST", **parameters}
        made.append(name)
        dynamodb.create_table(TableName=name, AttributeDefinitions=definitions, KeySchema=schema, **settings)
        wait_until_active(dynamodb, name)
        return Table(dynamodb, name)

    yield make
    for name in made:
        drop(dynamodb, name)


@pytest.fixture
def things(make_table: MakeTable) -> Table:
    """Return an empty table with a partition key only."""
    return make_table()


@pytest.fixture
def series(make_table: MakeTable) -> Table:
    """Return an empty table with a numeric sort key."""
    return make_table("N")


@pytest.fixture
def names(make_table: MakeTable) -> Table:
    """Return an empty table with a textual sort key."""
    return make_table("S")
