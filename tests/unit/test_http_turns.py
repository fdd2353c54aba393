"""No request keeps the event loop for long: the worst that fits into a body, for every operation, in CPU time of the loop."""

import gc
import os
import random
from collections.abc import Iterator
from itertools import islice

import pytest
from multidict import CIMultiDict

from router.expressions.syntax import prepare_parsers
from router.http.dispatcher import Dispatcher
from router.http.messages import HttpRequest
from router.http.target import target_of
from router.operations.model import ServiceModel
from router.operations.registry import Surroundings, build_operations
from tests.support.clock import ManualClock
from tests.support.http_edge import dispatcher
from tests.support.measured_loop import MeasuredLoop, reference_seconds
from tests.support.store_fake import FakeStore, table_spec
from tests.support.worst_cases import WorstCase, worst_cases
from wire.errors import ErrorCode, StoreError

MODEL = ServiceModel.load()
# Just below what is looked at before its body comes, and beyond; every 31st place of the latter, or all of them on demand.
SMALL_BYTES, LARGE_BYTES = 32_000, 300_000
LARGE_EVERY = int(os.environ.get("WORST_CASES_EVERY", "31"))


class _RefusingStore(FakeStore):
    """A store that decides nothing: the catalog's work is not the router's."""

    async def change(self, change: object, *, deadline: float) -> object:  # type: ignore[override]
        raise StoreError(ErrorCode.LIMIT_EXCEEDED, "not here")


@pytest.fixture
def loop() -> Iterator[MeasuredLoop]:
    prepare_parsers()
    gc.disable()  # what there is to collect is the test's own
    loop = MeasuredLoop()
    yield loop
    loop.close()
    gc.enable()


def _handler() -> Dispatcher:
    parts = Surroundings(
        store=_RefusingStore(table_spec()), clock=ManualClock(), randomness=random.Random(1), cluster_id="c"
    )
    return dispatcher(build_operations(parts, MODEL))


def _request(case: WorstCase) -> HttpRequest:
    fields = {"Host": "here", "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target_of(case.operation)}
    digest = "of a large body" if len(case.body) > 32 << 10 else None
    return HttpRequest("POST", "/", CIMultiDict(fields), case.body, digest)


def _require_short_turns(loop: MeasuredLoop, cases: Iterator[WorstCase]) -> int:
    """Run every case; one that seems to take too long is run again, for machines have their moments. Return how many there were."""
    handler, limit, count = _handler(), reference_seconds(), 0
    for case in cases:
        count += 1
        turn = min(_turns(loop, handler, case, limit))
        assert turn <= limit, (
            f"{case.operation} {case.place}: {turn * 1000:.1f} ms, expected at most {limit * 1000:.1f}"
        )
    return count


def _turns(loop: MeasuredLoop, handler: Dispatcher, case: WorstCase, limit: float) -> Iterator[float]:
    for _ in range(5):
        turn = loop.longest_turn(lambda: _answered(handler, case))
        yield turn
        if turn <= limit:
            return


async def _answered(handler: Dispatcher, case: WorstCase) -> None:
    answer = await handler(_request(case))
    assert answer.status < 500 or b"not here" in answer.body, f"{case.operation} {case.place}: {answer}"


# Small bodies are read on the loop: none may be so dense that it takes long.
def test_the_worst_small_requests(loop: MeasuredLoop) -> None:
    assert _require_short_turns(loop, worst_cases(MODEL, SMALL_BYTES)) > 2_000


# Large ones are read beside it, and what is left for the loop does not grow with them.
def test_the_worst_large_requests(loop: MeasuredLoop) -> None:
    cases = islice(worst_cases(MODEL, LARGE_BYTES), 0, None, LARGE_EVERY)
    assert _require_short_turns(loop, cases) > 90


def _many(member: bytes, count: int) -> bytes:
    return b",".join([member] * count)


def _named(form: bytes, count: int) -> bytes:
    return b",".join([form % number for number in range(count)])


_THINGS = b'{"TableName":"things",'
_KEY = b'{"pk":{"S":"a"}}'
_LARGEST = {
    "100,000 keys": ("BatchGetItem", b'{"RequestItems":{"things":{"Keys":[%b]}}}' % _many(_KEY, 100_000)),
    "100,000 tables": ("BatchGetItem", b'{"RequestItems":{%b}}' % _named(b'"t%%06d":{"Keys":[%b]}' % _KEY, 100_000)),
    "700,000 keys": ("BatchGetItem", b'{"RequestItems":{"things":{"Keys":[%b]}}}' % _many(_KEY, 700_000)),
    "100,000 puts": (
        "BatchWriteItem", b'{"RequestItems":{"things":[%b]}}' % _many(b'{"PutRequest":{"Item":%b}}' % _KEY, 100_000),
    ),
    "a list of a million": ("PutItem", _THINGS + b'"Item":{"pk":{"L":[%b]}}}' % _many(b'{"S":""}', 1_000_000)),
    "a map of 700,000": ("PutItem", _THINGS + b'"Item":{"pk":{"M":{%b}}}}' % _named(b'"%06d":{"S":""}', 700_000)),
    "a million names": ("GetItem", _THINGS + b'"Key":%b,"AttributesToGet":[%b]}' % (_KEY, _named(b'"%06d"', 1_000_000))),
    "200,000 actions": (
        "TransactWriteItems", b'{"TransactItems":[%b]}' % _many(b'{"Put":{"TableName":"things","Item":%b}}' % _KEY, 200_000),
    ),
    "the most that is legal": (
        "BatchWriteItem",
        b'{"RequestItems":{"things":[%b]}}' % _named(
            b'{"PutRequest":{"Item":{"pk":{"S":"%%d"},"l":{"L":[%b]}}}}' % _many(b'{"NULL":true}', 40_000), 25
        ),
    ),
}  # fmt: skip


# What once stopped a router for 5 to 20 seconds each.
@pytest.mark.parametrize("name", _LARGEST)
def test_the_largest_requests(loop: MeasuredLoop, name: str) -> None:
    operation, body = _LARGEST[name]
    assert _require_short_turns(loop, iter([WorstCase(operation, name, body)])) == 1
