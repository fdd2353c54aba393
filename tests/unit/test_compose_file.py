"""The compose file says what the cluster file says: every process, under its name, in the networks that it needs and no other."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.containers.topology import AddressPatterns, named_cluster
from deploy.local.topology import DEMO_CREDENTIAL, Layout, router_name

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "docker"
TEXT = (FOLDER / "compose.yaml").read_text()
ENVIRONMENT = dict(
    line.split("=", 1) for line in (FOLDER / ".env").read_text().splitlines() if line and not line.startswith("#")
)
SPEC = named_cluster("id", Layout(), AddressPatterns())
REGIONS = [region.name for region in SPEC.regions]
PAIRS = {f"{one}_{other}" for one, other in combinations(REGIONS, 2)}
NODES = {node.id: region.name for region in SPEC.regions for node in region.nodes}
ROUTERS = {router_name(region): region for region in REGIONS}
MACHINE_BYTES = 24 * 10**9
MACHINE_CPUS = 2.0


def filled(text: str) -> Any:
    """Return the file with variables as .env has them."""
    return yaml.safe_load(re.sub(r"\$\{(\w+):-[^}]*\}", lambda found: ENVIRONMENT[found[1]], text))


COMPOSE = filled(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
PLAIN = {name: service for name, service in SERVICES.items() if "profiles" not in service}


def size(text: str) -> int:
    return int(text[:-1]) * {"m": 2**20, "g": 2**30}[text[-1]]


# A process of the cluster file without a container would be waited for in vain.
def test_every_process_is_a_service_and_nothing_else_runs_unasked():
    assert set(PLAIN) == {"cluster-file", *NODES, *ROUTERS}
    assert {name: service["container_name"] for name, service in PLAIN.items()} == {name: name for name in PLAIN}


# A copied line that was not changed would run one node twice, or two on one volume.
@pytest.mark.parametrize("node", NODES)
def test_a_node_runs_as_itself_on_its_own_volume(node: str) -> None:
    service = SERVICES[node]
    assert f"--node={node}" in service["command"]
    assert f"{node}:/var/lib/globetable" in service["volumes"]
    assert sum(f"{node}:/var/lib/globetable" in each.get("volumes", ()) for each in SERVICES.values()) == 1
    assert node in COMPOSE["volumes"]


# The name that the cluster file gives a node must not exist where other regions are: peers would go on talking over a link's network.
@pytest.mark.parametrize("node", NODES)
def test_a_nodes_address_exists_in_its_regions_network_only(node: str) -> None:
    networks = SERVICES[node]["networks"]
    entry = SPEC.region(NODES[node]).node(node)
    assert entry is not None
    assert networks[NODES[node]] == {"aliases": [entry.address.removesuffix(":7001")]}
    assert all(networks[name] == {} for name in networks if name != NODES[node])


# Leaving the network of a pair cuts that link and no other; without one of them a link would not exist at all.
@pytest.mark.parametrize(("name", "region"), (NODES | ROUTERS).items())
def test_a_process_is_in_its_regions_network_and_in_those_of_its_pairs(name: str, region: str) -> None:
    assert set(SERVICES[name]["networks"]) == {region} | {pair for pair in PAIRS if region in pair.split("_")}


# A published port hangs on the first network with a way out: were that a link's, cutting the link would close the endpoint.
def test_networks_of_pairs_have_no_way_out():
    assert set(COMPOSE["networks"]) == {*REGIONS, *PAIRS, "observe"}
    assert {name for name, network in COMPOSE["networks"].items() if network.get("internal")} == PAIRS


# Routers come when their nodes are healthy, nodes when the cluster file is written.
def test_the_order_of_the_start():
    for node in NODES:
        assert SERVICES[node]["depends_on"] == {"cluster-file": {"condition": "service_completed_successfully"}}
    for router, region in ROUTERS.items():
        nodes = [node for node, its_region in NODES.items() if its_region == region]
        assert SERVICES[router]["depends_on"] == {node: {"condition": "service_healthy"} for node in nodes}


# What a container may do is what it needs, and no process may take the machine from the others.
@pytest.mark.parametrize("name", PLAIN)
def test_containers_are_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert 0 < float(service["cpus"]) <= MACHINE_CPUS
    assert service["restart"] == ("no" if name == "cluster-file" else "unless-stopped")
    assert service["stop_grace_period"] == "20s"


# All containers at their limits leave a third of the machine that the demo is for.
def test_limits_of_memory_fit_the_machine():
    assert sum(size(service["mem_limit"]) for service in SERVICES.values()) < MACHINE_BYTES * 2 / 3


# Fixed ports, on loopback: the credentials are known.
def test_endpoints_are_on_fixed_ports_of_loopback():
    assert [SERVICES[router]["ports"] for router in ROUTERS] == [[f"127.0.0.1:800{n}:8000"] for n in (1, 2, 3)]


# A default in one file and another in the other would depend on where compose is called from.
def test_defaults_are_those_of_the_environment_file():
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert defaults == {name: ENVIRONMENT[name] for name in defaults}
    assert set(ENVIRONMENT) == {*defaults, "COMPOSE_PROJECT_NAME"}
    assert ENVIRONMENT["GLOBETABLE_ACCESS_KEY_ID"] == DEMO_CREDENTIAL.access_key_id
    assert ENVIRONMENT["GLOBETABLE_SECRET_ACCESS_KEY"] == DEMO_CREDENTIAL.secret_access_key
    assert ENVIRONMENT["GLOBETABLE_PARTITIONS"] == str(Layout().settings.partitions)


# A file that is not there would be made by the engine, as an empty folder.
def test_mounted_files_are_there():
    mounts = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    named, files = [mount for mount in mounts if "/" not in mount], [mount for mount in mounts if "/" in mount]
    assert set(named) == set(COMPOSE["volumes"])
    assert files
    assert all((FOLDER / file).exists() for file in files)
