"""A PynamoDB program, run in an environment of its own: ENDPOINT and TABLE_NAME stand in its environment.

Ends with status 0 when everything it relied on held.
"""

import os
import time
from datetime import UTC, datetime, timedelta

import botocore.session
from pynamodb.attributes import ListAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model

PATIENCE_SECONDS = 60.0


class ByLikes(LocalSecondaryIndex):
    class Meta:
        index_name = "by-likes"
        projection = AllProjection()

    forum = UnicodeAttribute(hash_key=True)
    likes = NumberAttribute(range_key=True)


class ByAuthor(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-author"
        projection = KeysOnlyProjection()

    author = UnicodeAttribute(hash_key=True)
    likes = NumberAttribute(range_key=True)


class Thread(Model):
    class Meta:
        table_name = os.environ["TABLE_NAME"]
        host = os.environ["AWS_ENDPOINT_URL"]
        region = os.environ["AWS_REGION"]
        billing_mode = "PAY_PER_REQUEST"
        stream_view_type = "NEW_IMAGE"

    forum = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute(range_key=True)
    author = UnicodeAttribute()
    likes = NumberAttribute(default=0)
    tags = UnicodeSetAttribute(null=True)
    replies = ListAttribute(default=list)
    expires = TTLAttribute(null=True)
    by_likes = ByLikes()
    by_author = ByAuthor()


def main() -> None:
    assert not Thread.exists()
    Thread.create_table(wait=True)
    assert expires_by() == "expires"
    write()
    read()
    change()
    Thread.delete_table()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Thread.exists():
        assert time.monotonic() < deadline, "the table is still there"


def write() -> None:
    Thread("python", "typing", author="guido", likes=3, tags={"types", "pep"}).save()
    with Thread.batch_write() as batch:
        for number in range(30):
            batch.save(Thread("python", f"thread {number:02}", author="tim", likes=number))
    assert refused_put() == "ConditionalCheckFailedException"


def expires_by() -> str:
    """Return the attribute by which the table's items expire: PynamoDB has told the table of it when it made it."""
    client = botocore.session.get_session().create_client("dynamodb")
    return client.describe_time_to_live(TableName=Thread.Meta.table_name)["TimeToLiveDescription"]["AttributeName"]


def refused_put() -> str | None:
    """Return the code with which a put is refused whose condition does not hold."""
    try:
        Thread("python", "typing", author="nobody").save(Thread.forum.does_not_exist())
    except PutError as error:
        return error.cause_response_code
    return None


def read() -> None:
    assert Thread.get("python", "typing", consistent_read=True).tags == {"types", "pep"}
    pages = Thread.query("python", Thread.subject.startswith("thread"), page_size=7, consistent_read=True)
    assert [thread.subject for thread in pages] == [f"thread {number:02}" for number in range(30)]
    most = Thread.by_likes.query("python", scan_index_forward=False, limit=3, consistent_read=True)
    assert [thread.likes for thread in most] == [29, 28, 27]
    assert sum(1 for _ in Thread.scan(Thread.likes >= 10, page_size=5, consistent_read=True)) == 20
    assert Thread.count("python", consistent_read=True) == 31
    keys = [("python", f"thread {number:02}") for number in range(5)]
    assert len(list(Thread.batch_get(keys, consistent_read=True))) == 5
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(1 for _ in Thread.by_author.query("tim", ByAuthor.likes < 10)) < 10:
        assert time.monotonic() < deadline, "the global index does not follow"


def change() -> None:
    thread = Thread.get("python", "typing")
    thread.update(
        actions=[
            Thread.likes.add(2),
            Thread.replies.set(Thread.replies.append(["indeed"])),
            Thread.tags.delete({"pep"}),
            Thread.expires.set(datetime.now(UTC) + timedelta(days=1)),
        ],
        condition=(Thread.likes == 3) & Thread.author.is_in("guido", "tim"),
    )
    assert (thread.likes, thread.replies, thread.tags) == (5, ["indeed"], {"types"})
    thread.delete(condition=Thread.likes > 4)
    try:
        Thread.get("python", "typing", consistent_read=True)
    except DoesNotExist:
        return
    raise AssertionError("the item is still there")


main()
