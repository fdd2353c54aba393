"""A DynamoDB client for workloads: botocore with its retries off, so that every outcome is seen as it is."""

from typing import Any

import botocore.session
from botocore.config import Config

from wire.cluster import ClusterSpec, RegionEntry

READ_TIMEOUT_SECONDS = 15


def client(spec: ClusterSpec, region: RegionEntry, *, retries: bool = False, service: str = "dynamodb") -> Any:
    """Return a client of one region's endpoint; without `retries` an operation is sent once."""
    credential = spec.credentials[0] if spec.credentials else None
    return botocore.session.get_session().create_client(
        service,
        region_name=region.name,
        endpoint_url=f"http://{region.http}",
        aws_access_key_id=credential.access_key_id if credential else "unsigned",
        aws_secret_access_key=credential.secret_access_key if credential else "unsigned",
        config=Config(
            retries={"total_max_attempts": 10 if retries else 1, "mode": "standard"},
            connect_timeout=5,
            read_timeout=READ_TIMEOUT_SECONDS,
            max_pool_connections=64,
        ),
    )
