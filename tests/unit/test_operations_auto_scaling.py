"""Auto scaling of tables with replicas: off everywhere, told for each, and checked before it is refused."""

from typing import Any

import pytest

from tests.support.store_fake import Api, FakeStore, table_spec
from wire.errors import ErrorCode
from wire.tables import BillingMode, IndexSpec, IndexStatus, KeyAttribute, RegionName, ReplicaSpec, ReplicaStatus

OFF = {"AutoScalingDisabled": True, "ScalingPolicies": []}
POLICY = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0}}
COMPLETE = {"MinimumUnits": 1, "MaximumUnits": 9, "ScalingPolicyUpdate": POLICY}
FAILED = "Failed to update settings for global table with name: ‘things’"


def _index(number: int, name: str, status: IndexStatus) -> IndexSpec:
    return IndexSpec(number=number, name=name, is_local=False, partition=(KeyAttribute("g", "S"),), status=status)


def _api(**settings: Any) -> Api:
    replicas = (ReplicaSpec(RegionName("eu-west-1"), ReplicaStatus.ACTIVE),)
    indexes = (_index(1, "by-g", IndexStatus.ACTIVE), _index(2, "in-making", IndexStatus.CREATING))
    return Api(FakeStore(table_spec(replicas=replicas, indexes=indexes, **settings)))


# Every region is named, this one among them, with every index that is there.
async def test_auto_scaling_is_described_for_every_replica() -> None:
    answer = await _api()("DescribeTableReplicaAutoScaling", TableName="things")
    description = answer["TableAutoScalingDescription"]
    assert (description["TableName"], description["TableStatus"]) == ("things", "ACTIVE")
    there, here = description["Replicas"]
    assert (here["RegionName"], here["ReplicaStatus"]) == ("us-east-1", "ACTIVE")
    assert there["RegionName"] == "eu-west-1"
    assert there["ReplicaProvisionedReadCapacityAutoScalingSettings"] == OFF
    assert there["ReplicaProvisionedWriteCapacityAutoScalingSettings"] == OFF
    assert [index["IndexName"] for index in there["GlobalSecondaryIndexes"]] == ["by-g"]


# What is off may be switched off, here and in any replica.
async def test_switching_off_what_is_off_changes_nothing() -> None:
    off = {"AutoScalingDisabled": True}
    replica = {"RegionName": "eu-west-1", "ReplicaProvisionedReadCapacityAutoScalingUpdate": off}
    answer = await _api()(
        "UpdateTableReplicaAutoScaling",
        TableName="things",
        ProvisionedWriteCapacityAutoScalingUpdate=off,
        ReplicaUpdates=[replica],
    )
    assert len(answer["TableAutoScalingDescription"]["Replicas"]) == 2


# Switching it on needs provisioned capacity, and then is what does not exist yet.
async def test_switching_on_is_not_available() -> None:
    update = {"TableName": "things", "ProvisionedWriteCapacityAutoScalingUpdate": COMPLETE}
    refusal = await _api().refused("UpdateTableReplicaAutoScaling", **update)
    assert refusal.code is ErrorCode.VALIDATION
    assert refusal.message == (
        "Failed to update global table with name ‘things‘. Replicas 'EU-WEST-1', 'US-EAST-1' BillingMode is PayPerRequest. You "
        "must convert table's BillingMode to PROVISIONED to set parameters: "
        "'GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate'."
    )
    refusal = await _api(billing_mode=BillingMode.PROVISIONED).refused("UpdateTableReplicaAutoScaling", **update)
    assert refusal.code is ErrorCode.UNSUPPORTED_OPERATION
    assert refusal.message.startswith("UpdateTableReplicaAutoScaling ")


# Settings are whole or off; regions and indexes are there, and regions named once.
@pytest.mark.parametrize(
    ("update", "text"),
    [
        (
            {"ProvisionedWriteCapacityAutoScalingUpdate": {}},
            f"{FAILED}: Parameters 'MaximumUnits', 'ScalingPolicyUpdate', 'MinimumUnits' are required unless auto scaling is "
            "being disabled.",
        ),
        (
            {"ProvisionedWriteCapacityAutoScalingUpdate": {"AutoScalingDisabled": True, "MinimumUnits": 1}},
            "Failed to update settings for global table with name ‘things’: Parameters 'MinimumUnits' must be left blank "
            "when disabling auto scaling.",
        ),
        (
            {
                "ReplicaUpdates": [
                    {"RegionName": "eu-west-1", "ReplicaProvisionedReadCapacityAutoScalingUpdate": COMPLETE}
                ]
                * 2
            },
            f"{FAILED} because the regions: ‘[eu-west-1]’ were specified more than once.",
        ),
        (
            {
                "ReplicaUpdates": [
                    {"RegionName": "eu-west-9", "ReplicaProvisionedReadCapacityAutoScalingUpdate": COMPLETE}
                ]
            },
            f"{FAILED} because a replica does not exist in regions: ‘[eu-west-9]’.",
        ),
        (
            {
                "GlobalSecondaryIndexUpdates": [
                    {"IndexName": "in-making", "ProvisionedWriteCapacityAutoScalingUpdate": COMPLETE}
                ]
            },
            f"{FAILED} because the global secondary indexes with names: ‘[in-making]’ do not exist.",
        ),
    ],
)
async def test_auto_scaling_updates_are_checked(update: dict[str, Any], text: str) -> None:
    refusal = await _api().refused("UpdateTableReplicaAutoScaling", TableName="things", **update)
    assert refusal.message == text


# Insights are told for global indexes, and cannot be switched on for one that is being made.
async def test_insights_know_global_indexes() -> None:
    api, enable = _api(), {"TableName": "things", "ContributorInsightsAction": "ENABLE"}
    answer = await api("DescribeContributorInsights", TableName="things", IndexName="by-g")
    assert answer == {"TableName": "things", "IndexName": "by-g", "ContributorInsightsStatus": "DISABLED"}
    refusal = await api.refused("UpdateContributorInsights", **enable, IndexName="in-making")
    assert refusal.message.endswith("IndexStatus must be ACTIVE to enable ContributorInsights.")
