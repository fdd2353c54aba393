"""Have nodes hold everything on their disks against its checksums and digests, and tell what came of it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, cast

import grpc
import msgspec

from deploy.cli.admin import OPTIONS
from deploy.cli.console import output
from wire.cluster import NodeEntry
from wire.v1 import admin_pb2, admin_pb2_grpc

ANSWER_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.5
MISSED_MAX: Final = 10
"""Answers in a row that a node may owe: one that begins anew is away for a moment."""
WHOLE_NODE: Final = (1 << 32) - 1


class NodeScrub(msgspec.Struct, frozen=True):
    """What came of the scrub of one node. Members are only ever added."""

    node: str
    rows: int
    bytes: int
    seconds: float
    findings: list[str]
    failure: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether all of the node was looked at, and nothing was wrong."""
        return not self.findings and not self.failure


async def scrubbed(nodes: Iterable[NodeEntry], tell: Callable[[str], None]) -> list[NodeScrub]:
    """Scrub nodes, all at once, telling how far they have come."""
    progress: dict[str, str] = {}

    def told(node: str, text: str) -> None:
        progress[node] = text
        tell(", ".join(f"{each} {progress[each]}" for each in sorted(progress)))

    return list(await asyncio.gather(*(_scrubbed(node, told) for node in nodes)))


def print_reports(reports: Iterable[NodeScrub]) -> None:
    """Show people what came of scrubs."""
    console = output()
    for report in reports:
        verdict = "[green]whole[/green]" if report.is_clean else f"[red]{report.failure or 'damaged'}[/red]"
        mib = report.bytes / (1 << 20)
        console.print(f"{report.node}: {verdict}, {report.rows} rows, {mib:.1f} MiB in {report.seconds:.1f} s")
        for finding in report.findings:
            console.print(f"  {finding}", markup=False)


async def _scrubbed(node: NodeEntry, told: Callable[[str, str], None]) -> NodeScrub:
    async with grpc.aio.insecure_channel(node.address, options=OPTIONS) as channel:
        stub = cast("admin_pb2_grpc.AdminServiceAsyncStub", admin_pb2_grpc.AdminServiceStub(channel))
        missed, wanted = 0, 0
        while missed < MISSED_MAX:
            try:
                request = admin_pb2.ScrubRequest(begin=not wanted)
                answer = await stub.Scrub(request, timeout=ANSWER_SECONDS, wait_for_ready=missed > 0)
            except grpc.aio.AioRpcError:
                missed += 1
                await asyncio.sleep(POLL_SECONDS)
                continue
            missed = 0
            # A pass that was under way when this one was asked for has not seen everything since.
            wanted = wanted or answer.number + 1
            if answer.number >= wanted and not answer.running:
                return _report(node.id, answer)
            told(node.id, f"{answer.partitions_done}/{answer.partitions}")
            await asyncio.sleep(POLL_SECONDS)
    return NodeScrub(node.id, 0, 0, 0.0, [], "it does not answer")


def _report(node: str, answer: admin_pb2.ScrubAnswer) -> NodeScrub:
    findings = [
        each.text if each.partition == WHOLE_NODE else f"partition {each.partition}: {each.text}"
        for each in answer.findings
    ]
    return NodeScrub(node, answer.rows, answer.bytes, answer.seconds, findings)
