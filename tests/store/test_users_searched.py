"""Users of collections on both databases: whom a face is like, and what is left of who is gone."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import func, select

from pipeline.aggregate.similarity import similarity
from pipeline.conduct.sweep import sweep
from pipeline.errors import RequestError
from pipeline.services import Services
from pipeline.store import collections, faces, user_vectors, users
from pipeline.store.engine import reading, writing
from pipeline.store.face_schema import collections as collections_table
from pipeline.store.face_schema import faces as faces_table
from pipeline.store.face_schema import users as users_table
from pipeline.store.faces import DIMENSIONS
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services
from tests.support.known_faces import create
from tests.support.user_calls import NOBODY, ask, found, ids, listed, refusal, somebody, user

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]


@pytest.fixture(autouse=True)
def _people(services: Services) -> None:
    create(services.engine)


def test_users_are_found_by_faces_and_by_users(services: Services) -> None:
    faces_of = {name: ids(services, somebody(seed, 4)) for seed, name in enumerate(("ann", "bob", "eve"))}
    twin = ids(services, somebody(0, 4) @ np.diag([-1.0, *[1.0] * (DIMENSIONS - 1)]).astype(np.float32))
    for name, own in faces_of.items():
        user(services, name, own[:3])
    user(services, "twin", twin[:3])
    user(services, "empty")
    by_face = found(services, FaceId=faces_of["ann"][3])
    assert list(by_face) in (["ann", "twin"], ["twin", "ann"])
    assert list(found(services, FaceId=faces_of["bob"][3])) == ["bob"]
    assert found(services, FaceId=faces_of["bob"][0])["bob"] > 99
    everybody = found(services, FaceId=faces_of["bob"][3], UserMatchThreshold=0)
    assert set(everybody) == {"ann", "bob", "eve", "twin"}
    assert list(everybody.values()) == sorted(everybody.values(), reverse=True)
    assert list(found(services, FaceId=faces_of["bob"][3], UserMatchThreshold=0, MaxUsers=1)) == ["bob"]
    assert list(found(services, UserId="ann")) == ["twin"]
    assert set(found(services, UserId="ann", UserMatchThreshold=0, MaxUsers=2)) < {"bob", "eve", "twin"}
    assert found(services, UserId="empty", UserMatchThreshold=0) == {}
    answer = ask(services, "SearchUsers", UserId="ann")
    assert answer["SearchedUser"] == {"UserId": "ann"}
    assert answer["FaceModelVersion"] == collections.FACE_MODEL_VERSION
    assert "SearchedFace" not in answer
    answer = ask(services, "SearchUsers", FaceId=faces_of["ann"][3])
    assert answer["SearchedFace"] == {"FaceId": faces_of["ann"][3]}
    assert "SearchedUser" not in answer


def test_a_search_is_for_one_face_or_one_user(services: Services) -> None:
    user(services, "ann", (own := ids(services, somebody(1))))
    for request, words in (({}, "none was given"), ({"UserId": "ann", "FaceId": own[0]}, "both were given")):
        code, message = refusal(services, "SearchUsers", **request)
        assert (code, words in message) == ("InvalidParameterException", True), message
    code, message = refusal(services, "SearchUsers", FaceId=NOBODY)
    assert (code, NOBODY in message) == ("InvalidParameterException", True)


def test_every_change_is_seen_at_once(services: Services) -> None:
    one, two, other = ids(services, np.concatenate([somebody(1, 2), somebody(2)]))
    assert found(services, FaceId=one) == {}
    user(services, "ann", [one])
    assert found(services, FaceId=two)["ann"] == pytest.approx(
        similarity(float(somebody(1, 2)[0] @ somebody(1, 2)[1])), abs=0.001
    )
    ask(services, "AssociateFaces", UserId="ann", FaceIds=[other], UserMatchThreshold=0)
    ask(services, "DisassociateFaces", UserId="ann", FaceIds=[one])
    assert "ann" not in found(services, FaceId=two)
    assert found(services, FaceId=other)["ann"] > 99
    ask(services, "DeleteUser", UserId="ann")
    assert found(services, FaceId=other, UserMatchThreshold=0) == {}


def test_opposite_faces_make_a_user_whom_nobody_is_like(services: Services) -> None:
    face = somebody(1)
    user(services, "ann", (own := ids(services, np.concatenate([face, -face]))))
    assert found(services, FaceId=own[0], UserMatchThreshold=1) == {}
    refused = ask(services, "AssociateFaces", UserId="ann", FaceIds=ids(services, somebody(1, 3)[1:]))
    assert len(refused["UnsuccessfulFaceAssociations"]) == 2


def test_a_collection_takes_its_users_along(services: Services) -> None:
    own = ids(services, somebody(1, 3))
    user(services, "ann", own)
    user(services, "bob")
    create(services.engine, "other")
    ask(services, "CreateUser", CollectionId="other", UserId="ann")
    with writing(services.engine) as connection:
        collections.remove(connection, ACCOUNT, "people")
    create(services.engine)
    assert listed(services) == []
    user(services, "ann", ids(services, somebody(1, 1)))
    while sweep(services).face_batches:
        pass
    with reading(services.engine) as connection:
        counts = [connection.execute(select(func.count()).select_from(t)).scalar() for t in _TABLES]
    assert counts == [3, 2, 2]  # two collections and a gallery of vectors, one user each, a face and a vector
    assert list(found(services, FaceId=ask_ids(services)[0])) == ["ann"]


_TABLES = (collections_table, users_table, faces_table)


def ask_ids(services: Services) -> list[str]:
    with reading(services.engine) as connection:
        people = collections.get(connection, ACCOUNT, "people")
        return [face.id for face in faces.listed(connection, people, -1, 10)]


def test_users_without_end_are_removed_in_parts(services: Services) -> None:
    with writing(services.engine) as connection:
        people = collections.get(connection, ACCOUNT, "people", lock=True)
        users.create_many(connection, people, [f"u{n}" for n in range(25)], utcnow())
        assert collections.get(connection, ACCOUNT, "people").users == 25
        collections.remove(connection, ACCOUNT, "people")
        left = []
        while collections.clear_removed(connection, 10):
            left.append(connection.execute(select(func.count()).select_from(users_table)).scalar())
        assert left == [15, 5, 0]


@pytest.fixture
def renewed(services: Services) -> Iterator[dict[str, list[str]]]:
    """Users of a collection whose faces have got embeddings of another version; theirs have not."""
    own = {name: ids(services, somebody(seed, 2)) for seed, name in enumerate(("ann", "bob"))}
    for name, face_ids in own.items():
        user(services, name, face_ids)
    user(services, "empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collections, "FACE_MODEL_VERSION", "3000.1")
        patch.setattr("pipeline.faces.indices.FACE_MODEL_VERSION", "3000.1")
        with writing(services.engine) as connection:
            connection.execute(collections_table.update().values(face_model_version="3000.1").where(_PEOPLE))
        yield own


_PEOPLE = collections_table.c.name == "people"


def test_users_are_updated_after_their_faces_were_embedded_anew(
    services: Services, renewed: dict[str, list[str]]
) -> None:
    assert listed(services) == [("ann", "UPDATING"), ("bob", "UPDATING"), ("empty", "CREATED")]
    assert found(services, FaceId=renewed["ann"][0]) == {}

    def step() -> int:
        with writing(services.engine) as connection:
            people = collections.get(connection, ACCOUNT, "people", lock=True)
            return user_vectors.renew_some(connection, people, 1)

    assert step() == 1
    assert listed(services) == [("ann", "ACTIVE"), ("bob", "UPDATING"), ("empty", "CREATED")]
    assert list(found(services, FaceId=renewed["ann"][0])) == ["ann"]
    assert found(services, FaceId=renewed["bob"][0]) == {}
    assert [step(), step()] == [1, 0]
    assert list(found(services, FaceId=renewed["bob"][0])) == ["bob"]
    assert sweep(services).face_batches == 1  # the vectors of before
    assert sweep(services).face_batches == 0


def test_users_of_another_version_can_be_changed_meanwhile(services: Services, renewed: dict[str, list[str]]) -> None:
    gone = ask(services, "DisassociateFaces", UserId="ann", FaceIds=renewed["ann"][:1])
    assert gone["UserStatus"] == "ACTIVE"
    back = ask(services, "AssociateFaces", UserId="bob", FaceIds=renewed["ann"][:1])
    assert back["UnsuccessfulFaceAssociations"][0]["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    assert listed(services)[:2] == [("ann", "ACTIVE"), ("bob", "UPDATING")]


def test_faces_of_another_version_are_not_compared(services: Services) -> None:
    own = ids(services, somebody(1, 2))
    user(services, "ann", own[:1])
    with writing(services.engine) as connection:
        connection.execute(collections_table.update().values(face_model_version="1.0").where(_PEOPLE))
    for operation, request in (
        ("SearchUsers", {"FaceId": own[1]}),
        ("AssociateFaces", {"UserId": "ann", "FaceIds": own[1:]}),
    ):
        with pytest.raises(RequestError, match=r"version 1\.0 of the face model"):
            ask(services, operation, **request)
