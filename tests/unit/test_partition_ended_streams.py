"""A stream is over when its leader gives no new change its generation and none is on its way."""

from node.partition.ended_streams import ASKED_MAX, EndedStreams


# While the leader's catalog still names the generation, a record may come at any moment.
def test_a_present_stream_is_not_over() -> None:
    assert not EndedStreams().is_over(1, 7, 7, 0)


# A leader whose catalog is behind does not know of that stream yet: records will come.
def test_a_stream_to_come_is_not_over() -> None:
    assert not EndedStreams().is_over(1, 9, 7, 0)


# With nothing under way there is nothing to wait for.
def test_a_past_stream_with_nothing_under_way_is_over() -> None:
    assert EndedStreams().is_over(1, 7, 8, 0)


# What was evaluated before may be of the stream; what is written later never is, however much of that there is.
def test_a_past_stream_is_over_once_what_was_under_way_is_applied() -> None:
    ended = EndedStreams()
    assert not ended.is_over(1, 7, 8, 20)
    ended.applied(19)
    assert not ended.is_over(1, 7, 8, 25)
    ended.applied(20)
    assert ended.is_over(1, 7, 8, 30)


# Entries that were lost with leadership are waited for no longer: their places in the log are others' now.
def test_lost_entries_are_not_waited_for() -> None:
    ended = EndedStreams()
    assert not ended.is_over(1, 7, 8, 20)
    ended.discard()
    assert ended.is_over(1, 7, 8, 0)


# Memory is bounded whatever readers ask for; forgetting can only make them wait.
def test_what_is_remembered_is_bounded() -> None:
    ended = EndedStreams()
    assert not ended.is_over(1, 7, 8, 20)
    for table in range(2, ASKED_MAX + 2):
        ended.is_over(table, 7, 8, 20)
    ended.applied(20)
    assert not ended.is_over(1, 7, 8, 21)
