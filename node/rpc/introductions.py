"""Introductions as protobuf, and the way to the other nodes of the region for a node that joins."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc

from node.joining.introductions import Acquaintance, Answer, Founding, Introduction, LogEnd, Objection
from node.rpc.options import CHANNEL_OPTIONS
from node.storage.lives import Life
from wire.catalog import NodeId, PartitionId
from wire.recipients import meant_for
from wire.v1 import peer_pb2, peer_pb2_grpc

ANSWERED_WITHIN_SECONDS: Final = 2.0


class GrpcRegion:
    """Satisfy `node.joining.joiner.Region`: one short-lived channel per call, so that names are resolved anew."""

    def __init__(self, addresses: Mapping[NodeId, str]) -> None:
        self._addresses = addresses

    async def introduce(self, node: NodeId, introduction: Introduction) -> Answer | None:
        """Return a node's answer, or None when there is none in time."""
        async with self._channel(node) as channel:
            stub: Any = peer_pb2_grpc.PeerServiceStub(channel)
            try:
                answer = await stub.Introduce(
                    introduction_into(introduction), timeout=ANSWERED_WITHIN_SECONDS, metadata=meant_for(node)
                )
            except grpc.aio.AioRpcError as error:
                return _of_older_version(node) if error.code() is grpc.StatusCode.UNIMPLEMENTED else None
        return answer_from(answer)

    async def propose(self, node: NodeId, founding: Founding) -> bool:
        """Have a node write down who founds the region; tell whether it has."""
        async with self._channel(node) as channel:
            stub: Any = peer_pb2_grpc.PeerServiceStub(channel)
            try:
                outcome = await stub.ProposeFounders(
                    _founders(founding), timeout=ANSWERED_WITHIN_SECONDS, metadata=meant_for(node)
                )
            except grpc.aio.AioRpcError:
                return False
        return bool(outcome.adopted)

    def _channel(self, node: NodeId) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._addresses[node], options=CHANNEL_OPTIONS)


def _of_older_version(node: NodeId) -> Answer:
    """Return what a node of the version before stands for: its region has lived, and it remembers nobody."""
    return Answer(introduction=Introduction(node=node, disk="", founding={}))


def introduction_into(introduction: Introduction) -> peer_pb2.Introduction:
    """Return an introduction as a message."""
    return peer_pb2.Introduction(
        node=introduction.node,
        disk=introduction.disk,
        lives=[_life(each) for each in introduction.lives],
        founding=None if introduction.founding is None else _founders(introduction.founding),
        is_lost=introduction.is_lost,
        ends=_ends(introduction.ends),
    )


def introduction_from(source: peer_pb2.Introduction) -> Introduction:
    """Read an introduction."""
    return Introduction(
        node=NodeId(source.node),
        disk=source.disk,
        lives=tuple(Life(each.number, each.mark) for each in source.lives),
        founding=founding_from(source.founding) if source.HasField("founding") else None,
        is_lost=source.is_lost,
        ends=_ends_from(source.ends),
    )


def answer_into(answer: Answer) -> peer_pb2.IntroductionAnswer:
    """Return an answer as a message."""
    lost = answer.objection.lost.items()
    return peer_pb2.IntroductionAnswer(
        introduction=introduction_into(answer.introduction),
        refused=answer.objection.reason,
        lost=[peer_pb2.LostLog(partition=partition, reason=reason) for partition, reason in lost],
        acquaintances=[_acquaintance(each) for each in answer.acquaintances],
    )


def answer_from(source: peer_pb2.IntroductionAnswer) -> Answer:
    """Read an answer."""
    lost = {PartitionId(each.partition): each.reason for each in source.lost}
    return Answer(
        introduction=introduction_from(source.introduction),
        objection=Objection(reason=source.refused, lost=lost),
        acquaintances=tuple(_acquaintance_from(each) for each in source.acquaintances),
    )


def founding_from(source: peer_pb2.Founders) -> Founding:
    """Read who founded a region."""
    return {NodeId(node): disk for node, disk in source.disks.items()}


def _founders(founding: Founding) -> peer_pb2.Founders:
    return peer_pb2.Founders(disks={str(node): disk for node, disk in founding.items()})


def _life(life: Life) -> peer_pb2.Life:
    return peer_pb2.Life(number=life.number, mark=life.mark)


def _ends(ends: Mapping[PartitionId, LogEnd]) -> list[peer_pb2.LogEnd]:
    return [peer_pb2.LogEnd(partition=each, index=end.index, term=end.term) for each, end in ends.items()]


def _ends_from(source: Iterable[peer_pb2.LogEnd]) -> dict[PartitionId, LogEnd]:
    return {PartitionId(each.partition): LogEnd(each.index, each.term) for each in source}


def _acquaintance(known: Acquaintance) -> peer_pb2.Acquaintance:
    return peer_pb2.Acquaintance(
        node=known.node,
        disk=known.disk,
        life=_life(known.life),
        former=known.former,
        acknowledged=_ends(known.acknowledged),
    )


def _acquaintance_from(source: peer_pb2.Acquaintance) -> Acquaintance:
    return Acquaintance(
        node=NodeId(source.node),
        disk=source.disk,
        life=Life(source.life.number, source.life.mark),
        former=tuple(source.former),
        acknowledged=_ends_from(source.acknowledged),
    )
