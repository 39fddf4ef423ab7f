"""Users of collections on both databases: whose faces are whose, and why others are not."""

import numpy as np
import pytest

from pipeline.aggregate.similarity import similarity
from pipeline.errors import RequestError
from pipeline.faces.users import STRANGERS
from pipeline.services import Services
from pipeline.store import collections
from pipeline.store.engine import reading
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services
from tests.support.known_faces import create
from tests.support.user_calls import NOBODY, ask, found, ids, listed, owners, refusal, somebody, user

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]


@pytest.fixture(autouse=True)
def _people(services: Services) -> None:
    create(services.engine)


def test_a_user_from_creation_to_its_end(services: Services) -> None:
    one, two = ids(services, somebody(1, 2))
    assert ask(services, "CreateUser", UserId="ann") == {}
    assert listed(services) == [("ann", "CREATED")]
    done = ask(services, "AssociateFaces", UserId="ann", FaceIds=[two, one, two])
    assert done == {
        "AssociatedFaces": [{"FaceId": two}, {"FaceId": one}],
        "UnsuccessfulFaceAssociations": [],
        "UserStatus": "ACTIVE",
    }
    assert listed(services) == [("ann", "ACTIVE")]
    assert owners(services) == ["ann", "ann"]
    gone = ask(services, "DisassociateFaces", UserId="ann", FaceIds=[one])
    assert gone == {
        "DisassociatedFaces": [{"FaceId": one}],
        "UnsuccessfulFaceDisassociations": [],
        "UserStatus": "ACTIVE",
    }
    assert ask(services, "DisassociateFaces", UserId="ann", FaceIds=[two])["UserStatus"] == "CREATED"
    assert owners(services) == [None, None]
    ask(services, "AssociateFaces", UserId="ann", FaceIds=[one])
    assert ask(services, "DeleteUser", UserId="ann") == {}
    assert listed(services) == []
    assert owners(services) == [None, None]
    assert found(services, FaceId=one, UserMatchThreshold=0) == {}


def test_a_user_is_there_once_and_what_is_not_there_is_not_found(services: Services) -> None:
    user(services, "ann")
    assert refusal(services, "CreateUser", UserId="ann") == (
        "ConflictException",
        "The user id: ann already exists in the collection people.",
    )
    ask(services, "CreateUser", UserId="Ann")
    for operation, more in (
        ("DeleteUser", {}),
        ("AssociateFaces", {"FaceIds": [NOBODY]}),
        ("DisassociateFaces", {"FaceIds": [NOBODY]}),
        ("SearchUsers", {}),
    ):
        code, message = refusal(services, operation, UserId="bob", **more)
        assert (code, "bob" in message) == ("ResourceNotFoundException", True)
        code, message = refusal(services, operation, UserId="ann", CollectionId="none", **more)
        assert (code, "none" in message) == ("ResourceNotFoundException", True)
        with pytest.raises(RequestError, match="The collection id: people does not exist"):
            ask(services, operation, account="9" * 12, UserId="ann", **more)
    assert refusal(services, "ListUsers", CollectionId="none")[0] == "ResourceNotFoundException"


def test_users_are_listed_in_the_order_of_creation_page_by_page(services: Services) -> None:
    names = ["b", "a:1", "B", "_", "a.b", "-", "Z"]
    for name in names:
        user(services, name)
    for size in (1, 2, 7, 500):
        seen, token = [], {}
        while True:
            page = ask(services, "ListUsers", MaxResults=size, **token)
            assert len(page["Users"]) <= size
            seen += [one["UserId"] for one in page["Users"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert seen == names
    assert token or size == 500
    token = ask(services, "ListUsers", MaxResults=2)["NextToken"]
    ask(services, "DeleteUser", UserId="b")
    assert [name for name, _ in listed(services, NextToken=token)] == names[2:]
    create(services.engine, "other")
    assert refusal(services, "ListUsers", CollectionId="other", NextToken=token)[0] == "InvalidPaginationTokenException"


def test_a_collection_has_only_so_many_users(services: Services) -> None:
    object.__setattr__(services.settings, "max_users", 2)
    user(services, "ann")
    user(services, "bob")
    code, message = refusal(services, "CreateUser", UserId="eve")
    assert (code, message) == (
        "ServiceQuotaExceededException",
        "The collection id: people has 2 users; 2 is the maximum.",
    )
    assert refusal(services, "CreateUser", UserId="bob")[0] == "ConflictException"
    ask(services, "DeleteUser", UserId="ann")
    user(services, "eve")
    with reading(services.engine) as connection:
        assert collections.get(connection, ACCOUNT, "people").users == 2


def test_every_face_that_is_not_associated_has_its_reason(services: Services) -> None:
    mine, theirs, strange = somebody(1, 3), somebody(2, 1), somebody(3, 1)
    first, known, late, taken, low = ids(services, np.concatenate([mine, theirs, strange]))
    user(services, "bob", [taken])
    user(services, "ann", [first, known])
    done = ask(services, "AssociateFaces", UserId="ann", FaceIds=[low, NOBODY, known, late, taken])
    assert done["AssociatedFaces"] == [{"FaceId": late}]
    mean = mine[:2].astype(float).mean(axis=0)
    length = np.linalg.norm(mean)
    expected = similarity(float(strange[0] @ mean / length) - STRANGERS * (1 / length - 1))
    assert done["UnsuccessfulFaceAssociations"] == [
        {"FaceId": low, "Confidence": pytest.approx(expected), "Reasons": ["LOW_MATCH_CONFIDENCE"]},
        {"FaceId": NOBODY, "Reasons": ["FACE_NOT_FOUND"]},
        {"FaceId": taken, "UserId": "bob", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]},
    ]
    again = ask(services, "AssociateFaces", UserId="ann", FaceIds=[first, known, late])
    assert again == {"AssociatedFaces": [], "UnsuccessfulFaceAssociations": [], "UserStatus": "ACTIVE"}
    whatever = ask(services, "AssociateFaces", UserId="ann", FaceIds=[low], UserMatchThreshold=0)
    assert whatever["AssociatedFaces"] == [{"FaceId": low}]


def test_the_first_faces_of_a_user_need_not_be_alike(services: Services) -> None:
    user(services, "ann", ids(services, np.concatenate([somebody(1, 1), somebody(2, 1)])))
    (other,) = ids(services, somebody(3, 1))
    ask(services, "CreateUser", UserId="bob")
    none = ask(services, "AssociateFaces", UserId="bob", FaceIds=[NOBODY])
    assert none["UserStatus"] == "CREATED"
    assert ask(services, "AssociateFaces", UserId="bob", FaceIds=[other])["UserStatus"] == "ACTIVE"


def test_a_user_has_a_hundred_faces_at_most(services: Services) -> None:
    many = ids(services, somebody(1, 103))
    user(services, "ann", many[:98])
    done = ask(services, "AssociateFaces", UserId="ann", FaceIds=[many[0], *many[98:]])
    assert [face["FaceId"] for face in done["AssociatedFaces"]] == many[98:100]
    assert done["UnsuccessfulFaceAssociations"] == [
        {"FaceId": one, "UserId": "ann", "Reasons": []} for one in many[100:]
    ]
    code, message = refusal(services, "AssociateFaces", UserId="ann", FaceIds=many[99:])
    assert (code, "100 faces" in message) == ("ServiceQuotaExceededException", True)
    full = ask(services, "AssociateFaces", UserId="ann", FaceIds=[many[0], NOBODY])
    assert [one["Reasons"] for one in full["UnsuccessfulFaceAssociations"]] == [["FACE_NOT_FOUND"]]
    ask(services, "DisassociateFaces", UserId="ann", FaceIds=many[:1])
    assert ask(services, "AssociateFaces", UserId="ann", FaceIds=many[100:101])["UserStatus"] == "ACTIVE"


def test_every_face_that_is_not_disassociated_has_its_reason(services: Services) -> None:
    mine, theirs, free = ids(services, np.concatenate([somebody(seed) for seed in (1, 2, 3)]))
    user(services, "ann", [mine])
    user(services, "bob", [theirs])
    done = ask(services, "DisassociateFaces", UserId="ann", FaceIds=[theirs, free, NOBODY])
    assert done == {
        "DisassociatedFaces": [],
        "UnsuccessfulFaceDisassociations": [
            {"FaceId": theirs, "UserId": "bob", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]},
            {"FaceId": NOBODY, "Reasons": ["FACE_NOT_FOUND"]},
        ],
        "UserStatus": "ACTIVE",
    }
    assert owners(services) == ["ann", "bob", None]
