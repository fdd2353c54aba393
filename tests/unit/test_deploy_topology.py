"""The cluster file that `up` writes, and the ports it chooses."""

import random
import socket

import pytest

from deploy.local.ports import PortsUnavailable, free_ports, http_ports
from deploy.local.topology import REGION_NAMES, Layout, composed_cluster, region_names
from wire.cluster import ClusterFileError, Settings, dump_cluster, load_cluster


# What `up` writes must be what every process reads.
def test_written_file_reads_back_equal(tmp_path):
    spec = composed_cluster("id", Layout(), [8001, 8002, 8003], iter(range(9000, 9100)))
    path = tmp_path / "cluster.toml"
    path.write_text(dump_cluster(spec))
    assert load_cluster(path) == spec


# Node ids name their region, so that they are unique over all regions, and each node has a zone of its own.
def test_nodes_are_unique_and_in_distinct_zones():
    spec = composed_cluster("id", Layout(), [1, 2, 3], iter(range(9000, 9100)))
    nodes = [node for region in spec.regions for node in region.nodes]
    assert len({node.id for node in nodes}) == len({node.zone for node in nodes}) == 9
    assert nodes[0].id == "us-east-1-1"
    assert nodes[0].zone == "us-east-1a"


# A region of one node cannot hold three replicas; the file says so rather than the process at start.
def test_replicas_never_exceed_nodes():
    spec = composed_cluster("id", Layout(nodes_per_region=1), [1, 2, 3], iter(range(9000, 9100)))
    assert spec.settings.replicas == 1


# --regions takes a count or names.
@pytest.mark.parametrize(("text", "names"), [("2", REGION_NAMES[:2]), ("a,b", ("a", "b")), (" x ", ("x",))])
def test_regions_by_count_or_name(text, names):
    assert region_names(text) == names


# A count out of range or a name given twice is refused in words that help.
@pytest.mark.parametrize("text", ["0", "99", "a,a", ","])
def test_wrong_regions_are_refused(text):
    with pytest.raises(ValueError, match="--regions"):
        region_names(text)


# A name ends up in paths and shell lines: nothing that means something there.
@pytest.mark.parametrize("text", ["../x", "a b", "A", "-a", "a;b"])
def test_unsafe_region_names_are_refused(text):
    with pytest.raises(ValueError, match="region name"):
        region_names(text)


# A port that somebody listens on is never handed out, and asking for it by name says what to do.
def test_taken_port_is_refused_by_name():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortsUnavailable, match=f"port {port} is in use"):
            http_ports(1, port, 8001, iter(()))


# Ports stay below the kernel's ephemeral range: an outgoing connection must not sit on a dead node's port.
def test_free_ports_are_distinct_and_low():
    ports = free_ports(random.Random(1))
    chosen = [next(ports) for _ in range(30)]
    assert len(set(chosen)) == 30
    assert all(10_000 <= port < 32_000 for port in chosen)


GOOD = """
cluster_id = "c"
[[credentials]]
access_key_id = "a"
secret_access_key = "s"
[[regions]]
name = "r"
number = 1
http = "127.0.0.1:1"
gateway = "127.0.0.1:2"
[[regions.nodes]]
id = "r-1"
zone = "a"
address = "127.0.0.1:3"
"""


# Every mistake in the file is one line that names the file and the place.
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("number = 1", 'number = "one"'), "Expected `int`, got `str` - at `$.regions[0].number`"),
        (("number = 1", "number = 0"), "has number 0; expected 1 to 65535"),
        (('"127.0.0.1:3"', '"127.0.0.1"'), "expected host:port"),
        (('"127.0.0.1:3"', '"127.0.0.1:2"'), "address '127.0.0.1:2' is used more than once"),
        (("number = 1", "number = 1\ncolour = 2"), "unknown field `colour`"),
        (("[[regions]]", "[regions"), "not a readable TOML file"),
        (("[[credentials]]\n", "[settings]\npartitions = 0\n[[credentials]]\n"), "settings.partitions is 0"),
        (("[[credentials]]\n", "[settings]\nttl_sweep_seconds = 0\n[[credentials]]\n"), "expected more than 0"),
        (('[[credentials]]\naccess_key_id = "a"\nsecret_access_key = "s"\n', ""), "there are no [[credentials]]"),
        (
            ("[[credentials]]\n", "[settings]\ntick_ms = 0\n[[credentials]]\n"),
            "Expected `int` >= 1 - at `$.settings.tick_ms`",
        ),
        (
            ("[[credentials]]\n", "[settings]\nelection_ticks = 2\n[[credentials]]\n"),
            "settings.election_ticks is 2; expected more than settings.heartbeat_ticks, which is 2",
        ),
        (("[[credentials]]\n", '[settings]\nlog_level = "loud"\n[[credentials]]\n'), "at `$.settings.log_level`"),
        (('"a"\nsecret', '""\nsecret'), "Expected `str` of length >= 1 - at `$.credentials[0].access_key_id`"),
        (
            ("[[credentials]]\n", '[[credentials]]\naccess_key_id = "a"\nsecret_access_key = "t"\n\n[[credentials]]\n'),
            "access key id 'a' is used more than once",
        ),
        (('"127.0.0.1:3"', '"127.0.0.1:²"'), "has address '127.0.0.1:²'; expected host:port"),
        (('name = "r"', 'name = "R/.."'), "region name 'R/..': expected small letters"),
        (('id = "r-1"', 'id = "../n"'), "node id '../n': expected letters"),
        (('id = "r-1"', 'id = "r-router"'), "is what the router of r is called"),
    ],
)
def test_bad_file_is_one_line(tmp_path, change, expected):
    path = tmp_path / "cluster.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(ClusterFileError) as caught:
        load_cluster(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# The example above is right but for the mistakes put in.
def test_good_file_is_accepted(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(GOOD)
    assert load_cluster(path).settings == Settings()
