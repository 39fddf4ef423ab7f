"""Users of real photos: found by a photo that they do not have, and no home for strangers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.still import decode
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import collections
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import jpeg
from tests.support.user_calls import ask as asked

pytestmark = pytest.mark.weights

LEFT_OUT = "Family1-Dad3"
USERS = {
    "dad": ("Family1-Dad1", "Family1-Dad2"),
    "mom": ("Family1-Mom1",),
    "daughter": ("Family1-Daughter1", "Family1-Daughter2"),
    "son": ("Family1-Son1", "Family1-Son2"),
}
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    made = Services.from_settings(
        Settings(data_dir=tmp_path_factory.mktemp("users"), secret_key=SECRET), RememberingQueue()
    )
    made.prepare()
    with writing(made.engine) as connection:
        collections.create(connection, ACCOUNT, "people", "us-east-1", utcnow())
    yield made
    made.close()


@pytest.fixture(scope="module")
def ask(services: Services, models_dir: Path) -> Ask:
    """An operation on the collection, with an image or without."""
    library = Library(models_dir, threads=2)

    def run(operation: str, content: bytes | None = None, **request: Any) -> dict[str, Any]:
        if content is None:
            answered: dict[str, Any] = asked(services, operation, **request)
            return answered
        call = Call(services, library, ACCOUNT, {"CollectionId": "people", **request}, {"Image": content})
        return load(operation)(call)

    return run


def photo(media: Path, name: str) -> bytes:
    return (media / f"images/identity/azure_{name}.jpg").read_bytes()


@pytest.fixture(scope="module")
def faces(ask: Ask, media: Path) -> dict[str, str]:
    """Photo -> FaceId, and a user of each person's photos but one."""
    names = [name for photos in USERS.values() for name in photos] + ["Family1-Mom2"]
    records = {name: ask("IndexFaces", photo(media, name), ExternalImageId=name)["FaceRecords"] for name in names}
    known = {name: str(one["Face"]["FaceId"]) for name, (one,) in records.items()}
    for user, photos in USERS.items():
        ask("CreateUser", UserId=user)
        done = ask("AssociateFaces", UserId=user, FaceIds=[known[name] for name in photos])
        assert (len(done["AssociatedFaces"]), done["UserStatus"]) == (len(photos), "ACTIVE")
    return known


def shown(found: dict[str, Any]) -> list[str]:
    return [match["User"]["UserId"] for match in found["UserMatches"]]


def test_a_user_of_several_photos_is_found_by_another(ask: Ask, faces: dict[str, str], media: Path) -> None:
    found = ask("SearchUsersByImage", photo(media, LEFT_OUT))
    assert shown(found) == ["dad"]
    single = ask("SearchFacesByImage", photo(media, LEFT_OUT))["FaceMatches"]
    assert found["UserMatches"][0]["Similarity"] > np.mean([match["Similarity"] for match in single])
    assert found["UnsearchedFaces"] == []
    assert set(found["SearchedFace"]["FaceDetail"]) == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
    assert found["FaceModelVersion"] == collections.FACE_MODEL_VERSION


def test_the_face_of_a_stranger_does_not_become_one_of_a_user(ask: Ask, faces: dict[str, str]) -> None:
    strange, own = faces["Family1-Mom2"], faces["Family1-Dad1"]
    done = ask("AssociateFaces", UserId="dad", FaceIds=[strange, own])
    assert done["AssociatedFaces"] == []
    (refused,) = done["UnsuccessfulFaceAssociations"]
    assert (refused["FaceId"], refused["Reasons"]) == (strange, ["LOW_MATCH_CONFIDENCE"])
    assert 0 <= refused["Confidence"] < 20
    found = ask("SearchUsers", FaceId=strange)
    assert shown(found) == ["mom"]
    assert found["UserMatches"][0]["Similarity"] > 80
    joined = ask("AssociateFaces", UserId="mom", FaceIds=[strange])
    assert joined["AssociatedFaces"] == [{"FaceId": strange}]
    ask("DisassociateFaces", UserId="mom", FaceIds=[strange])


def test_users_of_one_family_are_not_one_another(ask: Ask, faces: dict[str, str]) -> None:
    for user in USERS:
        assert ask("SearchUsers", UserId=user, UserMatchThreshold=95)["UserMatches"] == []
        every = ask("SearchUsers", UserId=user, UserMatchThreshold=0)
        assert sorted([*shown(every), user]) == sorted(USERS)


def test_the_largest_face_of_a_group_is_searched_for(ask: Ask, faces: dict[str, str], media: Path) -> None:
    found = ask("SearchUsersByImage", photo(media, "identification1"), UserMatchThreshold=90)
    boxes = [face["FaceDetails"]["BoundingBox"] for face in found["UnsearchedFaces"]]
    largest = found["SearchedFace"]["FaceDetail"]["BoundingBox"]
    assert len(boxes) == 3
    assert largest["Width"] * largest["Height"] >= max(box["Width"] * box["Height"] for box in boxes)
    assert [face["Reasons"] for face in found["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]] * 3
    assert len(shown(found)) == 1


def test_without_a_good_face_nobody_is_found_and_that_is_no_error(ask: Ask, faces: dict[str, str], media: Path) -> None:
    empty = {"UserMatches": [], "FaceModelVersion": collections.FACE_MODEL_VERSION, "UnsearchedFaces": []}
    assert ask("SearchUsersByImage", jpeg(np.full((200, 300, 3), 128, np.uint8))) == empty
    still = decode(photo(media, LEFT_OUT), 10**8)
    blurred = jpeg(gaussian_filter(still.rgb(still.width, still.height), (4, 4, 0)))
    found = ask("SearchUsersByImage", blurred, QualityFilter="HIGH", UserMatchThreshold=0)
    assert (found["UserMatches"], "SearchedFace" in found) == ([], False)
    assert all("LOW_SHARPNESS" in face["Reasons"] for face in found["UnsearchedFaces"])
    assert len(found["UnsearchedFaces"]) == 1
