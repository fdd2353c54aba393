"""ARNs of what is made from a table: its backups, exports and imports.

Knows how AWS spells and refuses them; refuses to know whether what they name exists.
"""

import re
from typing import Final, NamedTuple

from wire.cluster import Home
from wire.errors import ErrorCode, StoreError

_ARN: Final = re.compile(
    r"arn:(?P<partition>[^:]*):(?P<service>[^:]*):(?P<region>[^:]*):(?P<account>[^:]*)"
    r":table/(?P<table>[A-Za-z0-9_.-]{3,255})/(?P<kind>backup|export|import)/(?P<id>[^/]+)"
)
_AWS_REGION: Final = re.compile(
    r"(?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov|-iso[bef]?)?"
    r"-(?:central|north|northeast|northwest|south|southeast|southwest|east|west)-[1-9]",
    re.IGNORECASE,
)


class DerivedArn(NamedTuple):
    """The parts of such an ARN that AWS looks at."""

    partition: str
    service: str
    region: str
    account: str
    table: str
    id: str

    def is_of_aws(self, region: str) -> bool:
        """Return whether partition, service and region are there at all; `region` is this one, whatever it is called."""
        is_region = self.region == region or _AWS_REGION.fullmatch(self.region) is not None
        return self.partition == "aws" and self.service == "dynamodb" and is_region


def derived_arn(arn: str, kind: str) -> DerivedArn | None:
    """Return the parts of an ARN of a `kind` (backup, export or import), or None when it is not one."""
    found = _ARN.fullmatch(arn)
    if found is None or found["kind"] != kind:
        return None
    return DerivedArn(
        found["partition"], found["service"], found["region"], found["account"], found["table"], found["id"]
    )


def require_own_account(account: str, home: Home) -> None:
    """Refuse what belongs to another account; of what is made from a table AWS says no more than that."""
    if account != home.account:
        raise StoreError(ErrorCode.ACCESS_DENIED, "Access is denied")
