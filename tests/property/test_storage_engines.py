"""The fake engine against LMDB: the same steps, the same answers."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.storage.engine import Engine, Snapshot, Space
from node.storage.lmdb_engine import LmdbEngine, LmdbSpec
from node.storage.memory_engine import MemoryEngine
from tests.support.storage import IDENTITY

_spaces = st.sampled_from([Space.ITEMS, Space.LOG])
_keys = st.binary(min_size=1, max_size=3) | st.sampled_from([b"a" * 511, b"a" * 510, b"\xff" * 511])
_values = st.binary(max_size=20) | st.just(b"v" * 9_000)
_uppers = st.none() | st.binary(max_size=3) | st.just(b"\xff" * 511)


class TwoEngines(RuleBasedStateMachine):
    """Run every step on both; a map that starts far too small makes LMDB grow in between."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        lmdb = LmdbEngine(Path(self._folder.name), IDENTITY, LmdbSpec(map_bytes=1 << 16))
        self._engines: tuple[Engine, Engine] = (lmdb, MemoryEngine())
        self._views: tuple[Snapshot, Snapshot] | None = None

    @rule(writes=st.lists(st.tuples(_spaces, _keys, st.none() | _values), max_size=12))
    def write(self, writes: list[tuple[Space, bytes, bytes | None]]) -> None:
        self._close_views()
        for engine in self._engines:
            with_all = [*writes]
            engine.write(
                lambda transaction, with_all=with_all: [
                    transaction.delete(space, key) if value is None else transaction.put(space, key, value)
                    for space, key, value in with_all
                ]
            )

    @rule(space=_spaces, lower=st.binary(max_size=3), upper=_uppers, entries_max=st.integers(0, 5))
    def delete_range(self, space: Space, lower: bytes, upper: bytes | None, entries_max: int) -> None:
        self._close_views()
        one, other = (
            engine.write(lambda transaction: transaction.delete_range(space, lower, upper, entries_max))
            for engine in self._engines
        )
        assert one == other

    @precondition(lambda self: self._views is None)
    @rule()
    def open_views(self) -> None:
        self._views = (self._engines[0].snapshot(), self._engines[1].snapshot())

    @rule(space=_spaces, lower=st.binary(max_size=3), upper=_uppers, reverse=st.booleans())
    def scan(self, space: Space, lower: bytes, upper: bytes | None, reverse: bool) -> None:
        with self._engines[0].snapshot() as one, self._engines[1].snapshot() as other:
            assert list(one.scan(space, lower, upper, reverse)) == list(other.scan(space, lower, upper, reverse))

    @invariant()
    def views_agree(self) -> None:
        if self._views is not None:
            one, other = self._views
            assert list(one.scan(Space.ITEMS, b"", None)) == list(other.scan(Space.ITEMS, b"", None))

    def _close_views(self) -> None:
        """Growing takes open views away after a while; tests of that stand elsewhere."""
        if self._views is not None:
            for view in self._views:
                view.close()
            self._views = None

    def teardown(self) -> None:
        self._close_views()
        for engine in self._engines:
            engine.close()
        self._folder.cleanup()


TestTwoEngines = TwoEngines.TestCase
TestTwoEngines.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
