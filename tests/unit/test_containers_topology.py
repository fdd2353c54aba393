"""The cluster file of containers: names instead of addresses, and an identity that lasts as long as the data."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli.commands import app
from deploy.containers.topology import AddressPatterns, named_cluster, renewed_cluster
from deploy.local.topology import Layout
from wire.cluster import ClusterSpec, Credential, load_cluster

PLAIN = Layout()


def composed(layout: Layout = PLAIN, cluster_id: str = "id") -> ClusterSpec:
    return named_cluster(cluster_id, layout, AddressPatterns())


# A node's name must exist in its own region's network only, a router's in every network that it is in.
def test_addresses_are_names_of_compose():
    region = composed().regions[1]
    assert (region.http, region.gateway) == ("eu-west-1-router:8000", "eu-west-1-router:7100")
    assert [node.address for node in region.nodes][:2] == ["eu-west-1-1.eu-west-1:7001", "eu-west-1-2.eu-west-1:7001"]


# Orchestrators that count from nought get their names from the same command.
def test_patterns_know_regions_and_ordinals():
    patterns = AddressPatterns(node="{region}-{ordinal}.nodes.{region}.svc:7001")
    region = named_cluster("id", Layout(), patterns).regions[0]
    assert region.nodes[2].address == "us-east-1-2.nodes.us-east-1.svc:7001"


# A typing error in a pattern would become a name that nobody answers to.
@pytest.mark.parametrize("pattern", ["{nod}:1", "{}:1", "{node:1"])
def test_an_unknown_word_in_a_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="address pattern"):
        named_cluster("id", Layout(), AddressPatterns(node=pattern))


# A new id would make strangers of the data that volumes hold.
def test_a_renewed_file_keeps_the_identity_and_takes_new_credentials():
    wanted = composed(Layout(credential=Credential("new", "secret")), "other")
    renewed = renewed_cluster(composed(), wanted)
    assert renewed == msgspec.structs.replace(wanted, cluster_id="id")


# Groups were formed from these; another count would leave data where nobody looks.
@pytest.mark.parametrize(
    ("layout", "line"),
    [
        (Layout(settings=msgspec.structs.replace(Layout().settings, partitions=7)), "partitions 6, not 7"),
        (Layout(regions=("us-east-1",)), "not us-east-1$"),
        (Layout(nodes_per_region=4), "nodes us-east-1-1, .*, not us-east-1-1, "),
    ],
)
def test_what_data_were_made_with_is_refused_to_change(layout: Layout, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        renewed_cluster(composed(), composed(layout))


# The first start of compose and every later one run this same command, with what .env says in the environment.
def test_the_command_writes_a_file_once_and_keeps_it_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    arguments = ["cluster-file", "--output", str(path)]
    assert CliRunner().invoke(app, arguments, env={"GLOBETABLE_PARTITIONS": "4"}).exit_code == 0
    first = load_cluster(path)
    assert first.settings.partitions == 4
    secrets = {"GLOBETABLE_ACCESS_KEY_ID": "a", "GLOBETABLE_SECRET_ACCESS_KEY": "s", "GLOBETABLE_PARTITIONS": "4"}
    assert CliRunner().invoke(app, arguments, env=secrets).exit_code == 0
    second = load_cluster(path)
    assert (second.cluster_id, second.secrets()) == (first.cluster_id, {"a": "s"})
    refused = CliRunner().invoke(app, arguments, env={"GLOBETABLE_PARTITIONS": "5"})
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "this cluster was made with partitions 4, not 5" in refused.stderr
    assert load_cluster(path) == second


# A region that is lost for good and was the source of a copy may have to be removed before a day has passed.
def test_how_long_a_source_is_held_may_change(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    arguments = ["cluster-file", "--output", str(path)]
    held = []
    for environment in ({}, {"GLOBETABLE_REPLICA_SOURCE_HOLD_SECONDS": "0"}):
        assert CliRunner().invoke(app, arguments, env=environment).exit_code == 0
        held.append(load_cluster(path).settings.replica_source_hold_seconds)
    assert held == [24 * 3600, 0]
