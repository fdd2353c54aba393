"""The manifests in deploy/kubernetes: valid for the API they are for, and in agreement with one another and with the cluster file."""

import base64
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from node.settings import parse_arguments as node_arguments
from router.settings import parse_arguments as router_arguments
from tests.support.kustomize import Document, containers, rendered
from wire.cluster import ClusterSpec, parse_cluster

ROOT = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
REGIONS = sorted(each.name for each in (ROOT / "regions").iterdir())
FOLDERS = [*(f"regions/{region}" for region in REGIONS), "three-regions"]
NAMESPACE = "globetable"
UID = 10001

# The oldest version that has all that is used (`apps.kubernetes.io/pod-index`), and the newest whose schemas there are.
VERSIONS = ["1.28", kubernetes_validate.latest_version()]


def by_kubectl(folder: Path) -> list[Document]:
    """Render with kustomize itself."""
    text = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, check=True, timeout=60).stdout
    return list(yaml.safe_load_all(text))


RENDERERS: list[Callable[[Path], list[Document]]] = [rendered, *([by_kubectl] if shutil.which("kubectl") else [])]


@pytest.fixture(params=REGIONS)
def region(request: pytest.FixtureRequest) -> "Region":
    return Region(request.param, rendered(ROOT / "regions" / request.param))


class Region:
    """The manifests of one region."""

    def __init__(self, name: str, documents: list[Document]) -> None:
        self.name = name
        self.documents = documents

    def of(self, kind: str) -> list[Document]:
        return [each for each in self.documents if each["kind"] == kind]

    def one(self, kind: str, component: str) -> Document:
        (found,) = (each for each in self.of(kind) if each["metadata"]["name"] == f"{self.name}-{component}")
        return found

    @property
    def workloads(self) -> list[Document]:
        return self.of("StatefulSet") + self.of("Deployment")

    def file(self, kind: str, name: str) -> str:
        """Return a file of the only ConfigMap or Secret."""
        (found,) = self.of(kind)
        text: str = found["data"][name]
        return base64.b64decode(text).decode() if kind == "Secret" else text

    @property
    def cluster(self) -> ClusterSpec:
        """Return the cluster file as the processes read it, its two parts one after the other."""
        return parse_cluster(
            self.file("ConfigMap", "cluster.toml") + self.file("Secret", "credentials.toml"), "cluster.toml"
        )


def matches(selector: Document, labels: dict[str, str]) -> bool:
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In"
        if labels.get(each["key"]) not in each["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def pod_labels(workload: Document) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def pod(workload: Document) -> Document:
    spec: Document = workload["spec"]["template"]["spec"]
    return spec


def main_container(workload: Document) -> Document:
    (container,) = pod(workload)["containers"]
    found: Document = container
    return found


def in_order(documents: list[Document]) -> list[Document]:
    return sorted(documents, key=lambda each: (each["kind"], each["metadata"]["name"]))


# What is looked at here is what `kubectl apply -k` applies; that is shown where kubectl is installed.
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_rendering_is_that_of_kustomize(folder: str, renderer: Callable[[Path], list[Document]]) -> None:
    assert in_order(renderer(ROOT / folder)) == in_order(rendered(ROOT / folder))


# A misspelt member is dropped without a word by the API server; strict schemas know only what there is.
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_schemas(folder: str, version: str) -> None:
    documents = rendered(ROOT / folder)
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


# The check above is worth something only if it fails for a mistake.
def test_schemas_catch_a_misspelt_member() -> None:
    document = next(each for each in rendered(ROOT / FOLDERS[0]) if each["kind"] == "StatefulSet")
    document["spec"]["minReadySecond"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)


# Two documents of the same name would be one; everything of three regions side by side is all of each.
def test_three_regions_are_the_regions_together() -> None:
    together = rendered(ROOT / "three-regions")
    names = [(each["kind"], each["metadata"]["name"]) for each in together]
    assert len(names) == len(set(names))
    apart = [document for name in REGIONS for document in rendered(ROOT / "regions" / name)]
    rest = [each for each in together if each not in apart]
    assert len(together) == len(apart) + 1
    assert [each["kind"] for each in rest] == ["Namespace"]
    assert rest[0]["metadata"]["name"] == NAMESPACE
    assert {each["metadata"]["namespace"] for each in apart} == {NAMESPACE}


# A node is found under the name that the headless service gives its pod, and knows itself by region and number.
def test_addresses_of_nodes_are_names_of_pods(region: Region) -> None:
    workload, service = region.one("StatefulSet", "node"), region.one("Service", "node")
    spec = workload["spec"]
    assert spec["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    numbers = range(spec["ordinals"]["start"], spec["ordinals"]["start"] + spec["replicas"])
    names = [f"{workload['metadata']['name']}-{number}" for number in numbers]
    (grpc,) = (each for each in main_container(workload)["ports"] if each["name"] == "grpc")
    domain = f"{spec['serviceName']}.{NAMESPACE}.svc.cluster.local:{grpc['containerPort']}"
    entries = region.cluster.region(region.name).nodes
    assert [node.address for node in entries] == [f"{name}.{domain}" for name in names]
    assert [node.id for node in entries] == [f"{region.name}-{number}" for number in numbers]
    assert len({node.zone for node in entries}) == len(entries)


# Routers of all regions are found under their services' names.
def test_addresses_of_routers_are_names_of_services(region: Region) -> None:
    service = region.one("Service", "router")
    ports = {each["name"]: each["port"] for each in service["spec"]["ports"]}
    host = f"{service['metadata']['name']}.{NAMESPACE}.svc.cluster.local"
    entry = region.cluster.region(region.name)
    assert entry.http == f"{host}:{ports['http']}"
    assert entry.gateway == f"{host}:{ports['gateway']}"


# One file for all: regions with different ideas of the cluster would not find, or not believe, one another.
def test_regions_share_a_cluster_file() -> None:
    specs = [Region(name, rendered(ROOT / "regions" / name)).cluster for name in REGIONS]
    assert all(spec == specs[0] for spec in specs)
    assert sorted(each.name for each in specs[0].regions) == REGIONS
    assert specs[0].settings.replicas == 3


# What is in the ConfigMap can be read by many: no secret may be there.
def test_secrets_are_in_the_secret(region: Region) -> None:
    assert "secret_access_key" not in region.file("ConfigMap", "cluster.toml")
    assert "secret_access_key" in region.file("Secret", "credentials.toml")


# The processes take the command lines that they are given, with the variables that the pod has.
def test_command_lines(region: Region) -> None:
    for workload, parse in (
        (region.one("StatefulSet", "node"), node_arguments),
        (region.one("Deployment", "router"), router_arguments),
    ):
        container = main_container(workload)
        labels = {**pod_labels(workload), "apps.kubernetes.io/pod-index": "2"}
        paths = {each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"] for each in container["env"]}
        line = list(container["args"])
        for name, path in paths.items():
            value = labels[path.removeprefix("metadata.labels['").removesuffix("']")]
            line = [word.replace(f"$({name})", value) for word in line]
        settings: Any = parse(line)
        assert "$(" not in " ".join(line)
        assert settings.listen == "0.0.0.0"
        assert settings.metrics == "0.0.0.0:9100"
        assert str(settings.cluster) == "/etc/globetable/cluster.toml"
        entry = region.cluster.region(region.name)
        assert (
            entry.node(settings.node) is not None
            if workload["kind"] == "StatefulSet"
            else settings.region == entry.name
        )


# Selectors that match nothing, or the pods of another region, are the classic mistake; both look healthy.
def test_selectors_match_their_pods_and_no_others(region: Region) -> None:
    others = [Region(name, rendered(ROOT / "regions" / name)) for name in REGIONS if name != region.name]
    foreign = [pod_labels(each) for other in others for each in other.workloads]
    for workload in region.workloads:
        labels, component = pod_labels(workload), workload["metadata"]["name"].removeprefix(f"{region.name}-")
        selectors = [
            workload["spec"]["selector"],
            {"matchLabels": region.one("Service", component)["spec"]["selector"]},
            region.one("PodDisruptionBudget", component)["spec"]["selector"],
            region.one("NetworkPolicy", component)["spec"]["podSelector"],
        ]
        alien = foreign + [pod_labels(each) for each in region.workloads if each is not workload]
        for selector in selectors:
            assert matches(selector, labels)
            assert not any(matches(selector, each) for each in alien)


# Two nodes of a region in one zone, or two taken at once by a drain or an upgrade, could be two of a partition's three replicas.
def test_no_two_nodes_of_a_region_go_at_once(region: Region) -> None:
    workload = region.one("StatefulSet", "node")
    (term,) = pod(workload)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "topology.kubernetes.io/zone"
    assert matches(term["labelSelector"], pod_labels(workload))
    assert region.one("PodDisruptionBudget", "node")["spec"]["maxUnavailable"] == 1
    assert workload["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    assert workload["spec"]["minReadySeconds"] > 0
    probe = main_container(workload)["readinessProbe"]
    assert probe["httpGet"] == {"path": "/health", "port": "metrics"}


# Nodes that wait for one another to be ready before they start would wait for ever; a restart must not follow from waiting.
def test_nodes_start_together_and_are_not_restarted_for_waiting(region: Region) -> None:
    assert region.one("StatefulSet", "node")["spec"]["podManagementPolicy"] == "Parallel"
    for workload in region.workloads:
        container = main_container(workload)
        assert container["livenessProbe"]["httpGet"]["path"] == "/live"
        assert container["startupProbe"]["httpGet"]["path"] == "/live"


# Probes, services and policies name ports that the container has.
def test_ports_exist(region: Region) -> None:
    for workload in region.workloads:
        container, component = main_container(workload), workload["metadata"]["name"].removeprefix(f"{region.name}-")
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        for each in region.one("Service", component)["spec"]["ports"]:
            assert each["port"] == ports[each["targetPort"]]
        for rule in region.one("NetworkPolicy", component)["spec"]["ingress"]:
            assert {each["port"] for each in rule["ports"]} <= set(ports)


# The gateway takes other regions' nodes in, nodes take in those of their own region only.
def test_who_reaches_what(region: Region) -> None:
    own = pod_labels(region.one("StatefulSet", "node"))
    foreign = {**own, "globetable/region": "elsewhere"}
    (grpc,) = (
        each for each in region.one("NetworkPolicy", "node")["spec"]["ingress"] if each["ports"] == [{"port": "grpc"}]
    )
    (gateway,) = (
        each
        for each in region.one("NetworkPolicy", "router")["spec"]["ingress"]
        if each["ports"] == [{"port": "gateway"}]
    )
    assert matches(grpc["from"][0]["podSelector"], own)
    assert not matches(grpc["from"][0]["podSelector"], foreign)
    assert matches(gateway["from"][0]["podSelector"], foreign)


# Every mount has its volume and every volume of a ConfigMap or Secret what it shows.
def test_volumes_exist(region: Region) -> None:
    for workload in region.workloads:
        claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
        volumes = {each["name"]: each for each in pod(workload)["volumes"]}
        for container in containers(workload):
            assert {each["name"] for each in container["volumeMounts"]} <= set(volumes) | claims
        (config,), (secret,) = region.of("ConfigMap"), region.of("Secret")
        assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]
        assert volumes["credentials"]["secret"]["secretName"] == secret["metadata"]["name"]
        assert all(not each["name"].endswith("-") for each in (config["metadata"], secret["metadata"]))
    node = region.one("StatefulSet", "node")
    (data,) = (each for each in main_container(node)["volumeMounts"] if each["name"] == "data")
    (argument,) = (each for each in main_container(node)["args"] if each.startswith("--data="))
    assert argument.removeprefix("--data=").startswith(data["mountPath"] + "/")


# What the namespace demands of pods, and what an operator expects of a container: nothing that it does not need.
def test_pods_are_restricted(region: Region) -> None:
    for workload in region.workloads:
        security = pod(workload)["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, UID)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod(workload)["automountServiceAccountToken"] is False
        for container in containers(workload):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= set(container["resources"])
            assert ":" in container["image"]
            assert not container["image"].endswith(":latest")
