"""The program that asks nodes and gateways from beside them, with real gRPC."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from deploy.cli import relay
from deploy.cli.asking import change_link, statuses
from deploy.compose.project import ComposeCluster
from deploy.targets.target import TargetError
from node.rpc.server import RpcServer
from tests.support.docker_fake import FakeDocker
from wire.catalog import LinkSpec, LinkState
from wire.catalog_changes import SetLink, decode_change
from wire.cluster import dump_cluster
from wire.v1 import admin_pb2, admin_pb2_grpc, gateway_pb2, gateway_pb2_grpc

REGION = "us-east-1"


class Answering(admin_pb2_grpc.AdminServiceServicer, gateway_pb2_grpc.GatewayServiceServicer):
    """A node and a gateway in one: says who it is, and takes changes until it is told to refuse them."""

    def __init__(self) -> None:
        self.changes: list[bytes] = []
        self.refusal = ""

    async def Status(self, request: Any, context: Any) -> admin_pb2.NodeStatus:
        return admin_pb2.NodeStatus(node=f"{REGION}-1", state="ready", pid=1)

    async def Control(self, request: gateway_pb2.ControlRequest, context: Any) -> gateway_pb2.ControlAnswer:
        self.changes.append(request.change)
        return gateway_pb2.ControlAnswer(code=self.refusal, message="because")


class Beside(ComposeCluster):
    """A project whose programs beside its processes run here, as what they would be in a container."""

    cluster_file: ClassVar[Path]
    capture: ClassVar[pytest.CaptureFixture[str]]

    def run(self, region: str, arguments: Sequence[str]) -> bytes:
        assert arguments[:2] == ["-m", relay.__name__]
        relay.main(arguments[2:], self.cluster_file)
        return self.capture.readouterr().out.encode()


@pytest.fixture
async def answering(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[tuple[Answering, ComposeCluster]]:
    service = Answering()
    server = RpcServer("127.0.0.1:0", "n1")
    await server.start(
        lambda each: admin_pb2_grpc.add_AdminServiceServicer_to_server(service, each),
        lambda each: gateway_pb2_grpc.add_GatewayServiceServicer_to_server(service, each),
    )
    docker = FakeDocker(tmp_path)
    first, second = docker.spec.regions
    here = f"127.0.0.1:{server.port}"
    first = msgspec.structs.replace(
        first, gateway=here, nodes=(msgspec.structs.replace(first.nodes[0], address=here), first.nodes[1])
    )
    Beside.cluster_file = tmp_path / "inside.toml"
    # Two services at one address: the file of a cluster would not have that, and is not checked for it here.
    spec = msgspec.structs.replace(docker.spec, regions=(first, second))
    Beside.cluster_file.write_text(
        dump_cluster(spec).replace(f'gateway = "{here}"', f'gateway = "localhost:{server.port}"')
    )
    Beside.capture = capsys
    yield service, Beside.open(None, engine=docker.engine)
    await server.stop()


# What nodes say arrives whole, and one that does not answer is a value; neither depends on where the question was asked from.
async def test_statuses_are_passed_on(answering: tuple[Answering, ComposeCluster]) -> None:
    _, cluster = answering
    found = await statuses(cluster, cluster.spec.regions[0].nodes)
    assert found[f"{REGION}-2"] is None
    assert found[f"{REGION}-1"] == admin_pb2.NodeStatus(node=f"{REGION}-1", state="ready", pid=1)


# The change that a region's catalog gets is the one that was asked for here; its refusal is told here.
async def test_changes_are_passed_on(answering: tuple[Answering, ComposeCluster]) -> None:
    service, cluster = answering
    link = LinkSpec("eu-west-1", LinkState.DELAYED, 300)
    await change_link(cluster, REGION, link)
    assert [decode_change(change) for change in service.changes] == [SetLink(link=link)]
    service.refusal = "ValidationException"
    with pytest.raises(TargetError, match="us-east-1 refused: ValidationException: because"):
        await change_link(cluster, REGION, link)


# What the two ends say to one another may come from different versions: this is what it is.
async def test_the_form_of_what_is_passed(answering: tuple[Answering, ComposeCluster]) -> None:
    _, cluster = answering
    said = msgspec.json.decode(
        await asyncio.to_thread(cluster.run, REGION, ["-m", relay.__name__, "status", f"{REGION}-1"])
    )
    assert admin_pb2.NodeStatus.FromString(base64.b64decode(said[f"{REGION}-1"])).state == "ready"
