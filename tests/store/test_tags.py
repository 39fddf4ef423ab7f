"""Tags on both databases: whose they are, how many there may be, and writes at once of which none is lost."""

import threading

import pytest
from sqlalchemy import Engine

from pipeline.errors import RequestError
from pipeline.store import collections, tags
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

MINE, THEIRS = "111122223333", "999988887777"


def made(engine: Engine, name: str = "people", account: str = MINE) -> str:
    with writing(engine) as connection:
        return collections.create(connection, account, name, "us-east-1", utcnow()).arn


def tags_of(engine: Engine, arn: str, account: str = MINE) -> dict[str, str]:
    with reading(engine) as connection:
        return tags.tags_of(connection, account, arn)


def put(engine: Engine, arn: str, added: dict[str, str], account: str = MINE) -> None:
    with writing(engine) as connection:
        tags.tag(connection, account, arn, added)


def drop(engine: Engine, arn: str, *keys: str, account: str = MINE) -> None:
    with writing(engine) as connection:
        tags.untag(connection, account, arn, keys)


def test_tags_are_added_changed_and_removed(engine: Engine) -> None:
    arn, other = made(engine), made(engine, "others")
    assert tags_of(engine, arn) == {}
    put(engine, arn, {"team": "blue", "Team": "red", "é": ""})
    put(engine, arn, {"team": "green", "new": "1"})
    put(engine, arn, {})
    assert tags_of(engine, arn) == {"team": "green", "Team": "red", "é": "", "new": "1"}
    drop(engine, arn, "Team", "é", "never there", "TEAM")
    drop(engine, arn)
    assert tags_of(engine, arn) == {"team": "green", "new": "1"}
    assert tags_of(engine, other) == {}
    with reading(engine) as connection:
        assert collections.get(connection, MINE, "people").tags == {"team": "green", "new": "1"}


def test_a_resource_has_two_hundred_tags_at_most(engine: Engine) -> None:
    arn = made(engine)
    put(engine, arn, {f"k{n}": "" for n in range(200)})
    put(engine, arn, {f"k{n}": "again" for n in range(200)})
    with pytest.raises(RequestError, match="would have 201 tags; the maximum is 200") as refusal:
        put(engine, arn, {"one more": "", "k0": "lost"})
    assert refusal.value.code == "ServiceQuotaExceededException"
    assert set(tags_of(engine, arn).values()) == {"again"}
    drop(engine, arn, "k0")
    put(engine, arn, {"one more": ""})
    assert len(tags_of(engine, arn)) == 200


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "Aws:"])
def test_keys_of_amazon_are_reserved(engine: Engine, key: str) -> None:
    arn = made(engine)
    with pytest.raises(RequestError, match="reserved") as refusal:
        put(engine, arn, {"fine": "", key: ""})
    assert refusal.value.code == "InvalidParameterException"
    assert tags_of(engine, arn) == {}
    put(engine, arn, {"aws": "", "awsome:": "", "my-aws:": ""})


def test_nobody_else_sees_or_changes_them(engine: Engine) -> None:
    arn = made(engine)
    put(engine, arn, {"team": "blue"})
    for call in (
        tags_of,
        lambda *a, account: put(*a, {"x": "y"}, account),
        lambda *a, account: drop(*a, "team", account=account),
    ):
        with pytest.raises(RequestError, match="does not exist") as refusal:
            call(engine, arn, account=THEIRS)
        assert refusal.value.code == "ResourceNotFoundException"
    assert tags_of(engine, arn) == {"team": "blue"}


def test_what_was_deleted_has_no_tags_and_its_successor_none_of_its(engine: Engine) -> None:
    arn = made(engine)
    put(engine, arn, {"team": "blue"})
    with writing(engine) as connection:
        collections.remove(connection, MINE, "people")
    with pytest.raises(RequestError) as refusal:
        tags_of(engine, arn)
    assert refusal.value.code == "ResourceNotFoundException"
    assert made(engine) == arn
    assert tags_of(engine, arn) == {}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"arn:aws:rekognition:us-east-1:{MINE}:collection/none", "ResourceNotFoundException"),
        (f"arn:aws:rekognition:eu-west-1:{MINE}:collection/people", "ResourceNotFoundException"),
        (f"arn:aws-cn:rekognition:us-east-1:{MINE}:collection/people", "ResourceNotFoundException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:collection/PEOPLE", "ResourceNotFoundException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:streamprocessor/people", "ResourceNotFoundException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:project/a/version/b/1", "ResourceNotFoundException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:project/a", "InvalidParameterException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:collection/", "InvalidParameterException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:collection/people\n", "InvalidParameterException"),
        (f"arn:aws:rekognition:us-east-1:{MINE}:collection/people\0x", "InvalidParameterException"),
        ("arn:aws:rekognition:us-east-1:12:collection/people", "InvalidParameterException"),
        (f"arn:aws:sns:us-east-1:{MINE}:collection/people", "InvalidParameterException"),
        ("people, twenty letters at least", "InvalidParameterException"),
        ("\ud800" * 30, "InvalidParameterException"),
    ],
)
def test_other_arns_are_refused(engine: Engine, arn: str, code: str) -> None:
    made(engine)
    for call in (tags_of, lambda *a: put(*a, {"x": "y"}), lambda *a: drop(*a, "x")):
        with pytest.raises(RequestError) as refusal:
            call(engine, arn)
        assert refusal.value.code == code


def test_of_writes_at_once_none_is_lost(engine: Engine) -> None:
    arn = made(engine)
    put(engine, arn, {f"old {n}": "" for n in range(8)})

    def change(n: int) -> None:
        put(engine, arn, {f"new {n}": str(n), "last": str(n)})
        drop(engine, arn, f"old {n}")

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = tags_of(engine, arn)
    assert found.pop("last") in {str(n) for n in range(8)}
    assert found == {f"new {n}": str(n) for n in range(8)}
