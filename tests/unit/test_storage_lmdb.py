"""What only a real disk can do: grow, run full, be damaged, belong to somebody else."""

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pytest

from node.storage.batch import WriteBatch
from node.storage.directory import IDENTITY_NAME, Identity
from node.storage.disk import Disk
from node.storage.disk_probe import FAILURES, disk_of, forget_cached, takes_writes
from node.storage.engine import Space
from node.storage.errors import (
    DamagedRecord,
    DamagedStorage,
    IdentityMismatch,
    SnapshotLost,
    StorageError,
    StorageFailing,
    StorageFull,
    StorageLocked,
)
from node.storage.lmdb_engine import LmdbEngine, LmdbSpec
from node.storage.memory_engine import MemoryEngine
from tests.support.storage import IDENTITY, put_all

TINY = LmdbSpec(map_bytes=1 << 16, snapshot_patience_seconds=0.01)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def filled(folder: Path, spec: LmdbSpec | None = None) -> None:
    engine = LmdbEngine(folder, IDENTITY, spec)
    put_all(engine, {b"%06d" % number: b"v" * 500 for number in range(1_000)})
    engine.close()


@pytest.fixture
def tiny(folder: Path) -> Iterator[LmdbEngine]:
    engine = LmdbEngine(folder, IDENTITY, TINY)
    yield engine
    engine.close()


# What was held ahead of use is still there when somebody else has filled the disk, after a restart as well.
def test_space_is_held_ahead_of_use(folder: Path) -> None:
    spec = LmdbSpec(reserve_bytes=1 << 20)
    filled(folder, spec)
    engine = LmdbEngine(folder, IDENTITY, spec)
    usage = engine.usage()
    engine.close()
    assert usage.reserved_bytes >= 1 << 20
    assert usage.writable_bytes == usage.disk_free_bytes + usage.reserved_bytes
    assert (folder / "data.mdb").stat().st_blocks * 512 >= usage.used_bytes + usage.reserved_bytes


# The map starts small on purpose: growing it must be invisible to whoever writes.
def test_map_grows_under_a_transaction_that_does_not_fit(tiny: LmdbEngine) -> None:
    runs: list[int] = []

    def body(transaction: object) -> None:
        runs.append(1)

    before = tiny.usage().map_bytes
    tiny.write(body)
    put_all(tiny, {b"%06d" % number: b"v" * 500 for number in range(1_000)})
    assert before < 500_000 < tiny.usage().map_bytes
    with tiny.snapshot() as view:
        assert sum(1 for _ in view.scan(Space.ITEMS, b"", None)) == 1_000


# A body runs again after growth; what its first run did must not count twice.
def test_growth_runs_the_whole_body_again(tiny: LmdbEngine) -> None:
    runs: list[int] = []
    with tiny.transaction() as transaction:
        transaction.put(Space.STATE, b"counter", b"0")

    def body(transaction: object) -> None:
        counter = int(transaction.get(Space.STATE, b"counter") or b"0")  # type: ignore[attr-defined]
        transaction.put(Space.STATE, b"counter", b"%d" % (counter + 1))  # type: ignore[attr-defined]
        transaction.put(Space.ITEMS, b"large", b"v" * 1_000_000)  # type: ignore[attr-defined]
        runs.append(counter)

    tiny.write(body)
    with tiny.snapshot() as view:
        assert view.get(Space.STATE, b"counter") == b"1"
    assert set(runs) == {0}


# A view that nobody closes may not stop all writes; its owner is told.
def test_view_in_the_way_of_growth_is_taken_away(tiny: LmdbEngine) -> None:
    put_all(tiny, {b"a": b"1", b"b": b"2"})
    view = tiny.snapshot()
    scan = view.scan(Space.ITEMS, b"", None)
    assert next(scan) == (b"a", b"1")
    put_all(tiny, {b"large": b"v" * 1_000_000})
    with pytest.raises(SnapshotLost, match="open a new one"):
        view.get(Space.ITEMS, b"a")
    with pytest.raises(SnapshotLost):
        next(scan)
    view.close()
    with tiny.snapshot() as fresh:
        assert fresh.get(Space.ITEMS, b"a") == b"1"


# Under a steady stream of reads there is no quiet moment; growth has to get its turn all the same, and no view is lost.
def test_growth_gets_its_turn_between_views(folder: Path) -> None:
    engine = LmdbEngine(folder, IDENTITY, LmdbSpec(map_bytes=1 << 16, snapshot_patience_seconds=60))
    put_all(engine, {b"a": b"1"})
    with ThreadPoolExecutor(1) as writing:
        grown = writing.submit(put_all, engine, {b"large": b"v" * 4_000_000})
        while not grown.done():
            with engine.snapshot() as view:
                assert view.get(Space.ITEMS, b"a") == b"1"
        grown.result()
    assert engine.usage().map_bytes > 4_000_000
    engine.close()


# A commit that does not reach the platter is no commit: nobody may switch the syncs off.
def test_every_commit_is_synced(tiny: LmdbEngine) -> None:
    flags = tiny._environment.flags()
    assert (flags["sync"], flags["metasync"], flags["writemap"]) == (True, True, False)


# `transaction` cannot run its block twice; it says so, and the second attempt fits.
def test_transaction_block_that_does_not_fit_asks_to_be_repeated(tiny: LmdbEngine) -> None:
    def put_large() -> None:
        with tiny.transaction() as transaction:
            transaction.put(Space.ITEMS, b"large", b"v" * 100_000)

    for _ in range(2):
        with pytest.raises(StorageFull, match="has grown; try again"):
            put_large()
    put_large()
    with tiny.snapshot() as view:
        assert view.get(Space.ITEMS, b"large") == b"v" * 100_000


# A map that has grown stays grown: reopening with a small map must find all data.
def test_grown_map_opens_again(folder: Path) -> None:
    filled(folder, TINY)
    engine = LmdbEngine(folder, IDENTITY, TINY)
    with engine.snapshot() as view:
        assert view.get(Space.ITEMS, b"000999") == b"v" * 500
    put_all(engine, {b"more": b"v"})
    engine.close()


# The operator's bound on the directory holds, and the message says which it is.
def test_bound_of_the_map_is_a_full_disk(folder: Path) -> None:
    engine = LmdbEngine(folder, IDENTITY, LmdbSpec(map_bytes=1 << 17, map_bytes_max=1 << 18))
    with pytest.raises(StorageFull, match=f"bound of {1 << 18} bytes"):
        put_all(engine, {b"large": b"v" * 1_000_000})
    put_all(engine, {b"a": b"fits"})
    engine.close()


# A disk that fills up stops writes only, and writes go on once there is room. The file size limit of a child process
# makes the real system calls fail where a full disk would make them fail.
@pytest.mark.parametrize("value_bytes", [400, 50_000])
def test_full_disk_stops_writes_and_heals(folder: Path, value_bytes: int) -> None:
    child = f"""
import resource
from pathlib import Path
from node.storage.engine import Space
from node.storage.errors import StorageFull
from node.storage.lmdb_engine import LmdbEngine
from tests.support.storage import IDENTITY, put_all

engine = LmdbEngine(Path({str(folder)!r}), IDENTITY)
put_all(engine, {{b"before": b"v"}})
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
batch = {{b"%06d" % number: b"v" * {value_bytes} for number in range(3_000_000 // {value_bytes})}}
for _ in range(3):
    try:
        put_all(engine, batch)
    except StorageFull as full:
        assert "no space left for" in str(full), full
    else:
        raise AssertionError("the limit did not hold")
    with engine.snapshot() as view:
        assert list(view.scan(Space.ITEMS, b"", None)) == [(b"before", b"v")]
put_all(engine, {{b"small": b"v"}})
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put_all(engine, batch)
with engine.snapshot() as view:
    assert sum(1 for _ in view.scan(Space.ITEMS, b"", None)) == len(batch) + 2
engine.close()
"""
    subprocess.run([sys.executable, "-c", child], check=True, timeout=60, env=environment())


# A disk that is full from the start is no damage; the message must not send anybody to rejoin a node.
def test_full_disk_at_the_first_start_is_said_to_be_full(folder: Path) -> None:
    child = f"""
import resource
from pathlib import Path
from node.storage.errors import StorageFull
from node.storage.lmdb_engine import LmdbEngine
from tests.support.storage import IDENTITY

resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
try:
    LmdbEngine(Path({str(folder)!r}), IDENTITY)
except StorageFull as full:
    assert "no space left for" in str(full), full
else:
    raise AssertionError("the limit did not hold")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
LmdbEngine(Path({str(folder)!r}), IDENTITY).close()
"""
    subprocess.run([sys.executable, "-c", child], check=True, timeout=60, env=environment())


# Two processes on one directory would destroy it.
def test_second_process_is_turned_away(folder: Path) -> None:
    engine = LmdbEngine(folder, IDENTITY)
    child = f"""
from pathlib import Path
from node.storage.errors import StorageLocked
from node.storage.lmdb_engine import LmdbEngine
from tests.support.storage import IDENTITY

try:
    LmdbEngine(Path({str(folder)!r}), IDENTITY)
except StorageLocked as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", child], check=True, timeout=60, env=environment(), capture_output=True, text=True
    )
    assert ran.stdout == (
        f"data directory {folder} is in use by process {os.getpid()}; stop it, or give this node its own directory\n"
    )
    engine.close()


# Inside one process the same holds, and closing frees the directory.
def test_directory_is_free_after_closing(folder: Path) -> None:
    engine = LmdbEngine(folder, IDENTITY)
    with pytest.raises(StorageLocked):
        LmdbEngine(folder, IDENTITY)
    engine.close()
    engine.close()
    LmdbEngine(folder, IDENTITY).close()


# A start that failed must not keep the directory locked.
def test_failed_start_frees_the_directory(folder: Path) -> None:
    filled(folder)
    with pytest.raises(IdentityMismatch):
        LmdbEngine(folder, Identity(cluster="other", region="eu-west-1", node="n1"))
    LmdbEngine(folder, IDENTITY).close()


# Whatever page is broken, and whatever is done with it: it is damage that is told, or a signal, and never an error that nobody expects.
def test_broken_pages_are_damage_to_whoever_meets_them(folder: Path) -> None:
    code = f"""
import os
from pathlib import Path
from random import Random

from node.storage.engine import Space
from node.storage.errors import StorageError
from node.storage.lmdb_engine import LmdbEngine
from tests.support.storage import IDENTITY

PAGE = 4096
folder = Path({str(folder)!r})
engine = LmdbEngine(folder, IDENTITY)
with engine.transaction() as transaction:
    for number in range(2_000):
        transaction.put(Space.LOG, b"%06d" % number, b"x" * 100)
engine.close()
whole = (folder / "data.mdb").read_bytes()

def meet(seed):
    random, broken = Random(seed), bytearray(whole)
    for _ in range(3):
        at = random.randrange(2 * PAGE, len(broken), PAGE) + random.choice((10, 12, 14, 16 + 2 * random.randrange(20)))
        broken[at : at + 2] = random.randbytes(2)
    (folder / "data.mdb").write_bytes(broken)
    try:
        engine = LmdbEngine(folder, IDENTITY)
        while engine.write(lambda transaction: transaction.delete_range(Space.LOG, b"000000", b"9", 50)):
            pass
        engine.close()
    except StorageError as error:
        return 1
    return 0

found = []
for seed in range(150):
    child = os.fork()
    if not child:
        os._exit(meet(seed))
    found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print({{code: found.count(code) for code in set(found)}})
assert found.count(1) > 10
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


# A disk that fills up while LMDB makes its file leaves a piece of it, in which nothing can have been stored: the next start begins anew.
# Where the node has been before, a file like that is one that has lost everything.
@pytest.mark.parametrize("size", [0, 1, 4_096, 8_191])
def test_a_file_that_was_never_whole_is_made_anew(folder: Path, size: int) -> None:
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"\xbe\xef" * (size // 2) + b"x" * (size % 2))
    LmdbEngine(folder, IDENTITY).close()
    (folder / "data.mdb").write_bytes(b"\xbe\xef" * (size // 2))
    with pytest.raises(DamagedStorage, match=r"data\.mdb (cannot be opened|is missing or empty)"):
        LmdbEngine(folder, IDENTITY)


# Swapped directories are the classic mistake; starting would put one node's votes into another's mouth.
@pytest.mark.parametrize(
    ("identity", "wrong"),
    [
        (Identity(cluster="other", region="eu-west-1", node="n1"), "cluster is 'test-cluster', expected 'other'"),
        (
            Identity(cluster="test-cluster", region="us-east-1", node="n1"),
            "region is 'eu-west-1', expected 'us-east-1'",
        ),
        (Identity(cluster="test-cluster", region="eu-west-1", node="n2"), "node is 'n1', expected 'n2'"),
    ],
)
def test_directory_of_another_node_is_refused(folder: Path, identity: Identity, wrong: str) -> None:
    filled(folder)
    with pytest.raises(IdentityMismatch) as raised:
        LmdbEngine(folder, identity)
    assert str(raised.value) == (
        f"data directory {folder} belongs to another node: {wrong}; "
        f"correct the configuration or choose another data directory"
    )


# An identity that cannot be read is not guessed.
@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "cluster": "x", "more": 1}'])
def test_damaged_identity_is_refused(folder: Path, text: str) -> None:
    filled(folder)
    (folder / IDENTITY_NAME).write_text(text)
    with pytest.raises(DamagedStorage, match=IDENTITY_NAME):
        LmdbEngine(folder, IDENTITY)


# Data of a newer release must not be touched by an older one.
def test_identity_of_another_format_is_refused(folder: Path) -> None:
    filled(folder)
    fields = json.loads((folder / IDENTITY_NAME).read_text())
    (folder / IDENTITY_NAME).write_text(json.dumps({**fields, "format": 2}))
    with pytest.raises(StorageError, match="format 2, expected 1"):
        LmdbEngine(folder, IDENTITY)


def as_left_by_versions_before(folder: Path) -> None:
    """Remove what a file knows of itself; versions before knew it from the identity file alone."""
    engine = LmdbEngine(folder, IDENTITY)
    with engine.transaction() as transaction:
        transaction.delete_range(Space.NODE, b"", None, 100)
    engine.close()


# The database says whose it is; the file beside it is for people, and is written again.
def test_a_lost_identity_file_is_written_again(folder: Path) -> None:
    filled(folder)
    before = (folder / IDENTITY_NAME).read_text()
    (folder / IDENTITY_NAME).unlink()
    LmdbEngine(folder, IDENTITY).close()
    assert (folder / IDENTITY_NAME).read_text() == before


# Of a file that does not say so itself, nobody knows whose it is once its identity file is gone; an empty one just starts again.
def test_data_without_any_identity_is_refused_unless_empty(folder: Path) -> None:
    as_left_by_versions_before(folder)
    (folder / IDENTITY_NAME).unlink()
    LmdbEngine(folder, IDENTITY).close()
    filled(folder)
    as_left_by_versions_before(folder)
    (folder / IDENTITY_NAME).unlink()
    with pytest.raises(DamagedStorage, match="its identity file is missing"):
        LmdbEngine(folder, IDENTITY)


# The identity file of the right node beside the data of another one: its votes would be given a second time.
def test_data_of_another_node_under_ones_own_identity_is_refused(folder: Path, tmp_path: Path) -> None:
    filled(folder)
    other = tmp_path / "other"
    LmdbEngine(other, Identity(cluster="test-cluster", region="eu-west-1", node="n2")).close()
    (other / "data.mdb").replace(folder / "data.mdb")
    with pytest.raises(IdentityMismatch) as raised:
        LmdbEngine(folder, IDENTITY)
    assert str(raised.value) == (
        f"{folder / 'data.mdb'} belongs to another node: node is 'n2', expected 'n1'; "
        f"correct the configuration or choose another data directory"
    )


# A directory of the version before holds a node that has lived: it is a founder of its region, not a newcomer.
def test_data_of_the_version_before_is_a_founders(folder: Path) -> None:
    filled(folder)
    as_left_by_versions_before(folder)
    engine = LmdbEngine(folder, IDENTITY)
    disk = Disk(engine, IDENTITY)
    assert disk.founding == {"n1": disk.disk}
    assert not disk.is_lost
    engine.close()


# Whatever bit of a node's rows is flipped, in a key or in a value: it is damage, or a row that is not found, and never another error.
def test_flipped_bits_of_node_rows_are_damage() -> None:
    engine = MemoryEngine()
    disk = Disk(engine, IDENTITY)
    batch = WriteBatch()
    disk.begin_to(batch)
    disk.found_to(batch, {IDENTITY.node: disk.disk})
    disk.know_to(batch, "n2", {"disk": "d", "life": [1, "a"], "former": []})
    engine.write(batch.apply)
    with engine.snapshot() as view:
        rows = list(view.scan(Space.NODE, b"", None))
    assert len(rows) >= 4
    found = Counter(flipped(rows, at, bit) for at, row in enumerate(rows) for bit in range(8 * sum(map(len, row))))
    print(found)
    assert found["damage"] > found["not found"] > 0


def flipped(rows: list[tuple[bytes, bytes]], at: int, bit: int) -> str:
    """Open rows of which one has a bit flipped; return what comes of it."""
    key, value = rows[at]
    row = bytearray(key + value)
    row[bit // 8] ^= 1 << bit % 8
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for each in (*rows[:at], (bytes(row[: len(key)]), bytes(row[len(key) :])), *rows[at + 1 :]):
            transaction.put(Space.NODE, *each)
    try:
        Disk(engine, IDENTITY)
    except DamagedRecord:
        return "damage"
    return "not found"


# A file that cannot be used is set aside, and the one in its place can never pass for a founder's.
def test_a_file_in_place_of_an_unusable_one_founds_nothing(folder: Path) -> None:
    filled(folder)
    (folder / "data.mdb").write_bytes(b"x" * 8_192)
    engine = LmdbEngine(folder, IDENTITY, lost="its pages are broken")
    disk = Disk(engine, IDENTITY)
    assert (disk.is_lost, disk.name.lost, disk.founding) == (True, "its pages are broken", None)
    engine.close()
    assert (folder / "data.mdb.unusable").read_bytes() == b"x" * 8_192
    engine = LmdbEngine(folder, IDENTITY)
    assert Disk(engine, IDENTITY).is_lost
    engine.close()


# A name that points at bytes which a power failure may still take away is no identity: contents first, then the name, then
# the folder that holds it.
def test_the_identity_file_is_synced_before_it_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(file: int) -> None:
        steps.append(f"sync {Path(os.readlink(f'/proc/self/fd/{file}')).name}")
        fsync(file)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    LmdbEngine(folder, IDENTITY).close()
    new = f"{IDENTITY_NAME}.new"
    assert steps == [f"sync {new}", f"rename {new}", f"sync {folder.name}", f"sync {folder.parent.name}"]


# A node whose data vanished must not come back with an empty memory: it would break its promises.
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_vanished_data_is_refused(folder: Path, how: str) -> None:
    filled(folder)
    if how == "missing":
        (folder / "data.mdb").unlink()
    else:
        os.truncate(folder / "data.mdb", 0)
    with pytest.raises(DamagedStorage, match="is missing or empty though this node was started before"):
        LmdbEngine(folder, IDENTITY)


# Whoever writes must know a failing disk from a full one: only what is full is tried again.
@pytest.mark.parametrize("code", sorted(FAILURES))
def test_errors_of_the_disk_are_told_from_a_full_one(tiny: LmdbEngine, code: int) -> None:
    assert isinstance(tiny.translated(failed_commit(code)), StorageFailing)
    assert isinstance(tiny.translated(failed_commit(errno.ENOSPC)), StorageFull)


def failed_commit(code: int) -> lmdb.Error:
    error = lmdb.Error("mdb_txn_commit")
    error.code = code  # type: ignore[misc]  # LMDB alone makes errors with a code
    return error


# A node waits for its disk by writing to it; that must leave nothing behind, and say no where nothing can be written.
def test_a_disk_is_known_to_work_by_writing_to_it(tmp_path: Path) -> None:
    assert takes_writes(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not takes_writes(Path("/proc/self"))
    assert not takes_writes(tmp_path / "absent")


# What the page cache holds of a file is dropped, so that it is read from the disk; its content stays.
def test_what_was_cached_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data.mdb"
    path.write_bytes(b"x" * 10_000)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    forget_cached(path)
    assert path.read_bytes() == b"x" * 10_000


# Where a disk was taken away, the folder under it takes writes, and is not what is waited for.
def test_a_disk_works_again_where_the_database_is(tmp_path: Path) -> None:
    database = tmp_path / "data.mdb"
    assert disk_of(database) == "absent"
    database.write_bytes(b"x")
    assert disk_of(database) == "working"
    assert disk_of(Path("/proc/self/status")) == "failing"
    assert list(tmp_path.iterdir()) == [database]


# A data file full of anything else stops with one line that says what to do.
@pytest.mark.parametrize("garbage", [b"x", bytes(8_192), b"\xff" * 100_000])
def test_garbage_is_refused(folder: Path, garbage: bytes) -> None:
    filled(folder)
    (folder / "data.mdb").write_bytes(garbage)
    with pytest.raises(
        DamagedStorage, match=r"data\.mdb cannot be opened .*rejoins and copies from its peers"
    ) as raised:
        LmdbEngine(folder, IDENTITY)
    assert "\n" not in str(raised.value)


# A file that was cut off would kill the process at the first read beyond its end.
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_file_that_was_cut_off_is_refused(folder: Path, share: float) -> None:
    filled(folder)
    data = folder / "data.mdb"
    os.truncate(data, int(data.stat().st_size * share))
    with pytest.raises(DamagedStorage, match=r"data\.mdb was cut off") as raised:
        LmdbEngine(folder, IDENTITY)
    assert "\n" not in str(raised.value)


# Pages past the last one in use may never have been written; that is no damage. Found by trying: this sequence leaves
# the file shorter than LMDB counts, and an overflow page that a strict walk complains of.
def test_file_without_its_last_unused_pages_opens(folder: Path) -> None:
    engine = LmdbEngine(folder, IDENTITY)
    put_all(engine, {b"shrinking": b"v" * 5_000})
    with engine.transaction() as transaction:
        transaction.put(Space.ITEMS, b"shrinking", b"v" * 2_500)
        transaction.put(Space.ITEMS, b"passing", b"v" * 50_000)
        transaction.delete(Space.ITEMS, b"passing")
    whole_bytes = engine.usage().used_bytes
    engine.close()
    assert (folder / "data.mdb").stat().st_size < whole_bytes
    engine = LmdbEngine(folder, IDENTITY)
    assert (folder / "data.mdb").stat().st_size == whole_bytes
    with engine.snapshot() as view:
        assert dict(view.scan(Space.ITEMS, b"", None)) == {b"shrinking": b"v" * 2_500}
    engine.close()


# A directory that cannot be made is reported like everything else, in one line.
def test_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"data directory .* cannot be used"):
        LmdbEngine(tmp_path / "file", IDENTITY)


# Keys sort the same on disk after a restart, and everything comes back.
def test_data_survives_a_restart(folder: Path) -> None:
    filled(folder)
    engine = LmdbEngine(folder, IDENTITY)
    with engine.snapshot() as view:
        assert [key for key, _ in view.scan(Space.ITEMS, b"", None)] == [b"%06d" % number for number in range(1_000)]
    engine.close()


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"}
