"""Collections and their faces on both databases: identity, order, quotas, and what deletion leaves."""

import hashlib
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select

from pipeline.errors import RequestError
from pipeline.store import collections, faces
from pipeline.store.engine import connect, writing
from pipeline.store.face_schema import collections as collections_table
from pipeline.store.face_schema import faces as faces_table
from pipeline.store.face_schema import removed_faces
from pipeline.store.faces import Face, Image, NewFace
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

MINE, THEIRS = "111122223333", "999988887777"
VECTOR = struct.pack("<128f", 1.0, *[0.0] * 127)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as one:
        yield one


def make(connection: Connection, name: str = "people", account: str = MINE, **given: Any) -> collections.Collection:
    return collections.create(connection, account, name, "us-east-1", utcnow(), **given)


def image(text: str, external: str | None = None) -> Image:
    return Image(hashlib.sha256(text.encode()).hexdigest(), external)


def face(left: float = 0.1, **given: Any) -> NewFace:
    return NewFace({"Left": left, "Top": 0.1, "Width": 0.1, "Height": 0.2}, 99.5, VECTOR, **given)


def add(connection: Connection, picture: Image, *found: NewFace, **given: Any) -> list[Face]:
    return faces.add(connection, MINE, "people", picture, found, **given)


def code_of(call: Any, *arguments: Any, **given: Any) -> str:
    with pytest.raises(RequestError) as caught:
        call(*arguments, **given)
    return caught.value.code


def count(connection: Connection, table: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_names_are_case_sensitive_and_taken_once_per_account(connection: Connection) -> None:
    first = make(connection, "A", tags={"é": "ü"})
    assert {make(connection, "a").name, make(connection, "A", THEIRS).name} == {"a", "A"}
    assert code_of(make, connection, "A") == "ResourceAlreadyExistsException"
    assert collections.get(connection, MINE, "A") == first
    assert first.tags == {"é": "ü"}
    assert first.arn == f"arn:aws:rekognition:us-east-1:{MINE}:collection/A"


def test_collections_are_listed_in_the_order_of_creation_and_only_ones_own(connection: Connection) -> None:
    names = ["b", "B", "_", "a.b", "-", "a", "Z"]
    for name in names:
        make(connection, name)
        make(connection, name, THEIRS)
    found, after = [], 0
    while page := collections.listed(connection, MINE, after, 2):
        found += [one.name for one in page]
        after = page[-1].number
        for one in page:  # who deletes what a page shows misses nothing of the next
            collections.remove(connection, MINE, one.name)
    assert found == names
    assert len(collections.listed(connection, THEIRS, 0, 100)) == len(names)


def test_an_account_has_only_so_many_collections(connection: Connection) -> None:
    make(connection, "one", limit=1)
    assert code_of(make, connection, "two", limit=1) == "ServiceQuotaExceededException"
    assert code_of(make, connection, "one", limit=1) == "ResourceAlreadyExistsException"
    make(connection, "two", THEIRS, limit=1)


def test_faces_of_one_image_share_its_id_and_are_kept_once(connection: Connection) -> None:
    make(connection)
    first = add(connection, image("x", "me"), face(0.1), face(0.5))
    again = add(connection, image("x", "me"), face(0.505), face(0.1), face(0.8))
    assert [one.id for one in again[:2]] == [first[1].id, first[0].id]
    assert again[2].id not in {one.id for one in first}
    assert len({one.image_id for one in [*first, *again]}) == 1
    others = add(connection, image("x"), face(0.1)) + add(connection, image("y", "me"), face(0.1))
    people = collections.get(connection, MINE, "people")
    kept = faces.listed(connection, people, -1, 100)
    assert kept == [*first, again[2], *others]
    assert [one.position for one in kept] == [0, 1, 2, 3, 4]
    assert (people.faces, people.next_position, people.revision) == (5, 5, 4)


def test_a_face_is_shown_as_the_api_does(connection: Connection) -> None:
    make(connection)
    (known,) = add(connection, image("x", "me"), face(user_id="u"))
    assert known.wire == {
        "FaceId": known.id,
        "BoundingBox": {"Left": 0.1, "Top": 0.1, "Width": 0.1, "Height": 0.2},
        "ImageId": known.image_id,
        "ExternalImageId": "me",
        "Confidence": 99.5,
        "IndexFacesModelVersion": collections.FACE_MODEL_VERSION,
        "UserId": "u",
    }
    (unnamed,) = add(connection, image("x"), face())
    assert not {"ExternalImageId", "UserId"} & set(unnamed.wire)


def test_faces_are_found_by_id_and_by_user(connection: Connection) -> None:
    people = make(connection)
    kept = add(connection, image("x"), *(face(n / 10, user_id=f"u{n % 2}") for n in range(6)))
    ids = [one.id for one in kept]
    wanted = [ids[4], ids[1], ids[1], "0" * 36]
    assert faces.listed(connection, people, -1, 10, face_ids=wanted) == [kept[1], kept[4]]
    assert faces.listed(connection, people, 1, 10, face_ids=wanted) == [kept[4]]
    assert faces.listed(connection, people, -1, 2, user_id="u1") == [kept[1], kept[3]]
    assert faces.listed(connection, people, -1, 10, face_ids=wanted, user_id="u1") == [kept[1]]
    assert faces.listed(connection, people, -1, 10, face_ids=[]) == []
    assert faces.by_id(connection, people, wanted) == {ids[1]: kept[1], ids[4]: kept[4]}


def test_a_full_collection_takes_no_face_of_an_image(connection: Connection) -> None:
    make(connection)
    add(connection, image("x"), face(0.1), face(0.5), limit=3)
    assert code_of(add, connection, image("y"), face(0.1), face(0.5), limit=3) == "ServiceQuotaExceededException"
    assert count(connection, faces_table) == 2
    add(connection, image("x"), face(0.1), face(0.5), face(0.8), limit=3)
    add(connection, image("x"), face(0.1), limit=3)
    assert count(connection, faces_table) == 3


def test_positions_are_never_used_again(connection: Connection) -> None:
    make(connection)
    kept = add(connection, image("x"), face(0.1), face(0.5))
    people = collections.get(connection, MINE, "people", lock=True)
    faces.remove(connection, people, kept[1:])
    (later,) = add(connection, image("x"), face(0.5))
    people = collections.get(connection, MINE, "people")
    assert (later.position, people.faces, people.next_position, people.revision) == (2, 2, 3, 3)
    assert faces.removals(connection, people, 1) == [1]
    assert faces.removals(connection, people, 2) == []
    assert [one[:2] for one in faces.vectors(connection, people, 0, 3)] == [(0, kept[0].id), (2, later.id)]


def test_the_list_of_removals_does_not_outgrow_the_faces(connection: Connection) -> None:
    make(connection)
    for n in range(4):
        add(connection, image(f"{n}"), *(NewFace(face().box, 1.0, VECTOR) for _ in range(400)))
        people = collections.get(connection, MINE, "people", lock=True)
        faces.remove(connection, people, faces.listed(connection, people, -1, 1000))
    people = collections.get(connection, MINE, "people")
    assert (people.faces, people.listed_from) == (0, 6)
    assert count(connection, removed_faces) == 400


def test_a_deleted_collection_is_gone_at_once_and_its_faces_soon(connection: Connection) -> None:
    people = make(connection)
    kept = add(connection, image("x"), face(0.1), face(0.5), face(0.8))
    faces.remove(connection, collections.get(connection, MINE, "people", lock=True), kept[:1])
    collections.remove(connection, MINE, "people")
    assert code_of(collections.remove, connection, MINE, "people") == "ResourceNotFoundException"
    assert collections.by_number(connection, people.number) is None
    assert make(connection).id != people.id
    assert faces.listed(connection, collections.get(connection, MINE, "people"), -1, 10) == []
    assert collections.clear_removed(connection, 1)
    assert count(connection, faces_table) == 1
    while collections.clear_removed(connection, 1):
        pass
    assert [count(connection, one) for one in (faces_table, removed_faces, collections_table)] == [0, 0, 1]


def test_what_does_not_exist_or_is_not_yours_is_not_found(connection: Connection) -> None:
    make(connection, account=THEIRS)
    for call in (collections.get, collections.remove):
        assert code_of(call, connection, MINE, "people") == "ResourceNotFoundException"
    assert code_of(add, connection, image("x"), face()) == "ResourceNotFoundException"


def test_faces_that_arrive_at_once_are_all_counted(engine: Engine, database_url: str) -> None:
    with writing(engine) as connection:
        make(connection)

    def fill(number: int) -> None:
        own = connect(database_url)
        for n in range(10):
            with writing(own) as connection:
                add(connection, image(f"{number} {n}"), face(0.1), face(0.5))
        own.dispose()

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with writing(engine) as connection:
        people = collections.get(connection, MINE, "people")
        kept = faces.listed(connection, people, -1, 1000)
    assert [one.position for one in kept] == list(range(80))
    assert (people.faces, people.next_position, people.revision) == (80, 80, 40)


def test_no_question_about_few_faces_walks_through_all(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return  # plans of PostgreSQL depend on its statistics
    people = make(connection)
    (kept,) = add(connection, image("x", "me"), face(user_id="u"))
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    faces.listed(connection, people, -1, 10, face_ids=[kept.id] * 3)
    faces.listed(connection, people, -1, 10, user_id="u")
    faces.listed(connection, people, 5, 10)
    add(connection, image("x", "me"), face())
    event.remove(connection, "before_cursor_execute", note)
    plans = [
        connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()[-1].detail
        for statement, parameters in asked
        if "FROM faces" in statement
    ]
    assert [plan.partition(" (")[2] for plan in plans] == [
        "collection=? AND id=?)",
        "collection=? AND user_id=? AND position>?)",
        "collection=? AND position>?)",
        "collection=? AND image_id=?)",
    ]


def test_no_question_about_the_faces_of_several_images_walks_through_all(connection: Connection) -> None:
    """An order by position has SQLite read the whole collection in that order, to save itself the sorting of a few faces."""
    if connection.dialect.name != "sqlite":
        return  # plans of PostgreSQL depend on its statistics
    make(connection)
    images = [(image(f"{n}"), [face(user_id=f"u{n}")]) for n in range(5)]
    kept = [one for (one,) in faces.add_many(connection, MINE, "people", images)]
    people = collections.get(connection, MINE, "people", lock=True)
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    faces.add_many(connection, MINE, "people", images)
    faces.of_images(connection, people, [picture for picture, _ in images])
    faces.by_id(connection, people, [one.id for one in kept])
    faces.remove(connection, people, kept[:3])
    event.remove(connection, "before_cursor_execute", note)
    plans = [
        row.detail
        for statement, parameters in asked
        if statement.startswith(("SELECT", "DELETE")) and " faces" in statement
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    ]
    assert len(plans) >= 4
    assert [plan for plan in plans if plan.startswith("SCAN") or plan.endswith("(collection=?)")] == []
