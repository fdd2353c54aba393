"""What nodes make of one another's introductions, who founds a region, and which messages count."""

import pytest

from node.joining.acquaintances import acknowledging, acquaintance_of, fields_of, merged, objection_to, remembered
from node.joining.fence import Fence
from node.joining.founding import Adopted, Proposed, Waiting, accepts, next_step
from node.joining.introductions import Acquaintance, Introduction, LogEnd
from node.storage.lives import Life
from wire.catalog import NodeId, PartitionId

N1, N2, N3 = NodeId("n1"), NodeId("n2"), NodeId("n3")
P = PartitionId(1)


def introduced(disk: str = "d1", *marks: str, node: NodeId = N1, first: int = 1, **fields: object) -> Introduction:
    lives = tuple(Life(number, mark) for number, mark in enumerate(marks or ("a",), first))
    return Introduction(node=node, disk=disk, lives=lives, **fields)  # type: ignore[arg-type]


def known(disk: str = "d1", life: int = 1, mark: str = "a", former: tuple[str, ...] = ()) -> Acquaintance:
    return Acquaintance(node=N1, disk=disk, life=Life(life, mark), former=former)


# The usual start: one life more than is remembered.
def test_the_next_life_is_welcome() -> None:
    objection = objection_to(introduced("d1", "a", "b"), known(), None)
    assert (objection.reason, objection.lost) == ("", {})
    assert remembered(introduced("d1", "a", "b"), known()) == known(life=2, mark="b")


# A copy made in an earlier life knows nothing of the later ones; started often enough it has as many lives, with other marks.
@pytest.mark.parametrize("marks", [("a",), ("a", "x"), ("a", "x", "y", "z")])
def test_a_copy_from_an_earlier_life_is_refused(marks: tuple[str, ...]) -> None:
    assert "lived on" in objection_to(introduced("d1", *marks), known(life=2, mark="b"), None).reason


# Marks are kept for so many lives only: of one that is forgotten nothing can be told.
def test_a_life_older_than_all_marks_is_not_judged() -> None:
    assert not objection_to(introduced("d1", "p", "q", first=500), known(life=2, mark="b"), None).reason


# A new disk is nobody's copy. The one that it replaced is gone for good, whoever knows of it by whatever way.
def test_a_replaced_disk_never_comes_back() -> None:
    replaced = remembered(introduced("d2"), known())
    assert replaced == known("d2", former=("d1",))
    assert "replaced" in objection_to(introduced("d1", "a", "b"), replaced, None).reason
    newcomer = known("d2")
    assert "replaced" in objection_to(introduced("d1", "a", "b"), newcomer, {N1: "d1"}).reason


# A log that ends before what it had acknowledged, or in an older term, has lost something; one that goes on has not.
@pytest.mark.parametrize(("end", "is_lost"), [((9, 3), True), ((12, 2), True), ((10, 3), False), ((20, 5), False)])
def test_a_log_that_ends_too_early_is_lost(end: tuple[int, int], is_lost: bool) -> None:
    remembers = acknowledging(known(), {P: LogEnd(10, 3)})
    objection = objection_to(introduced("d1", "a", "b", ends={P: LogEnd(*end)}), remembers, None)
    assert (set(objection.lost), objection.reason) == ({P} if is_lost else set(), "")


# What another disk had acknowledged says nothing about this one.
def test_a_new_disk_is_not_held_to_the_old_ones_acknowledgements() -> None:
    remembers = acknowledging(known(), {P: LogEnd(10, 3)})
    assert remembered(introduced("d2"), remembers).acknowledged == {}


# Nodes tell each other whom they know: whoever knows more, of the same disk or of a later one, is believed.
def test_what_others_know_is_merged() -> None:
    assert merged(known(life=3, mark="c"), known()) == known(life=3, mark="c")
    assert merged(known(), known(life=3, mark="c")) == known(life=3, mark="c")
    assert merged(known("d2", former=("d1",)), known()) == known("d2", former=("d1",))
    assert merged(known(), known("d2", former=("d1",))) == known("d2", former=("d1",))


# What is remembered survives a restart as it is.
def test_an_acquaintance_as_a_row() -> None:
    before = acknowledging(known("d2", 7, "g", ("d1",)), {P: LogEnd(10, 3)})
    fields = fields_of(before)
    assert acquaintance_of(N1, {**fields, "acknowledged": {"1": [10, 3]}}) == before


# Founding.


def asked(*, own: NodeId = N1, **disks: str) -> dict[NodeId, Introduction]:
    return {NodeId(node): introduced(disk, node=NodeId(node)) for node, disk in disks.items() if node != own}


# Only one node proposes, and only when it has heard everybody: whoever is missing might know the founders.
def test_the_first_node_proposes_when_all_have_answered() -> None:
    nodes = [N1, N2, N3]
    own = introduced("d1", node=N1)
    assert next_step(own, nodes, asked(n2="d2", n3="d3")) == Proposed({N1: "d1", N2: "d2", N3: "d3"})
    assert isinstance(next_step(own, nodes, asked(n2="d2")), Waiting)
    assert isinstance(next_step(introduced("d2", node=N2), nodes, asked(own=N2, n1="d1", n3="d3")), Waiting)


# One that knows is enough, and everybody takes over what it knows, founder or not.
def test_known_founders_are_taken_over() -> None:
    founding = {N1: "gone", N2: "d2"}
    answers = {N2: introduced("d2", node=N2, founding=founding)}
    assert next_step(introduced("d1", node=N1), [N1, N2, N3], answers) == Adopted(founding)


# A disk that took the place of a broken one belongs to a region that has lived: that must not be founded over.
def test_no_region_is_founded_over_a_lost_disk() -> None:
    answers = {N2: introduced("d2", node=N2, is_lost=True)}
    assert isinstance(next_step(introduced("d1", node=N1), [N1, N2], answers), Waiting)
    assert isinstance(next_step(introduced("d1", node=N1, is_lost=True), [N1], {}), Waiting)


# A proposal is for the disks that its author has seen: not for one that is there instead now.
def test_a_proposal_for_another_disk_is_refused() -> None:
    own = introduced("d2", node=N2)
    assert accepts(own, {N1: "d1", N2: "d2"})
    assert not accepts(own, {N1: "d1", N2: "gone"})
    assert not accepts(introduced("d2", node=N2, founding={}), {N1: "d1", N2: "d2"})


# Messages.


# An acknowledgement from before a loss promises what is gone: it must not arrive after the first sign of the life after.
def test_what_was_said_in_an_earlier_life_is_kept_out() -> None:
    fence = Fence()
    assert fence.admits(N1, "d1", 1)
    assert fence.admits(N1, "d1", 2)
    assert not fence.admits(N1, "d1", 1)
    assert fence.dropped == 1


# Which of two disks is the newer one only the node itself can say: a late message from the old one must not shut out the new one.
def test_only_an_introduction_makes_a_disk_the_newest() -> None:
    fence = Fence()
    fence.introduced(N1, "d2", 1)
    assert not fence.admits(N1, "d1", 9)
    assert fence.admits(N1, "d2", 1)
    fence.told(N1, "d1", 9, former=())
    assert fence.admits(N1, "d2", 1)
    fence.told(N1, "d3", 1, former=("d1", "d2"))
    assert (fence.admits(N1, "d3", 1), fence.admits(N1, "d2", 1)) == (True, False)


# An answer may come after its sender has lost that disk and introduced itself with another one, which it must not shut out for good.
def test_a_late_introduction_shuts_nobody_out() -> None:
    fence = Fence()
    fence.introduced(N1, "d2", 1, former=("d1",))
    fence.introduced(N1, "d1", 9, former=("d1",))
    assert (fence.admits(N1, "d2", 1), fence.admits(N1, "d1", 9)) == (True, False)
    fence.introduced(N1, "d3", 1, former=("d1", "d2"))
    assert fence.admits(N1, "d3", 1)


# Versions before this one name no disk: they are heard, or no region could be upgraded node by node.
def test_messages_without_a_disk_are_heard() -> None:
    fence = Fence()
    fence.introduced(N1, "d1", 3)
    assert fence.admits(N1, "", 0)
