"""A collection that is enrolled in one installation and moved to another: clients find the same faces there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

PEOPLE = ("Colin_Powell", "Hugo_Chavez")


@pytest.fixture
def photos(media: Path, tmp_path: Path) -> Path:
    """Three photos each of two people, one folder per person."""
    folder = tmp_path / "photos"
    for name in PEOPLE:
        (folder / name).mkdir(parents=True)
        for number in (1, 2, 3):
            photo = media / "images/identity/lfw" / f"{name}_{number:04}.jpg"
            shutil.copyfile(photo, folder / name / photo.name)
    return folder


def test_searches_find_the_same_faces_after_a_move(
    fresh: Callable[..., Service], photos: Path, media: Path, tmp_path: Path
) -> None:
    here, there = fresh(), fresh()
    file = tmp_path / "people.zst"
    assert "6 new with 6 faces" in here.cli("collections", "enroll", "people", str(photos), "--create", "--users")
    here.cli("collections", "export", "people", "--out", str(file))
    there.cli("collections", "import", str(file))
    one, other = here.client("rekognition"), there.client("rekognition")
    probe = {"Bytes": (media / "images/identity/lfw/Hugo_Chavez_0004.jpg").read_bytes()}
    found = matches(one, probe)
    assert [len(found[0]), {face["ExternalImageId"].split(":")[0] for face in found[0]}] == [3, {"Hugo_Chavez"}]
    assert [user["UserId"] for user in found[1]] == ["Hugo_Chavez"]
    assert matches(other, probe) == found
    assert other.list_faces(CollectionId="people")["Faces"] == one.list_faces(CollectionId="people")["Faces"]
    assert other.list_users(CollectionId="people")["Users"] == one.list_users(CollectionId="people")["Users"]

    known = photos / "Hugo_Chavez" / "Hugo_Chavez_0001.jpg"
    label = "Hugo_Chavez:Hugo_Chavez_0001"
    for client in (one, other):  # the same image is not another face, here or there
        indexed = client.index_faces(
            CollectionId="people", Image={"Bytes": known.read_bytes()}, ExternalImageId=label, MaxFaces=1
        )
        assert indexed["FaceRecords"][0]["Face"]["FaceId"] in {face["FaceId"] for face in found[0]}
        assert client.describe_collection(CollectionId="people")["FaceCount"] == 6

    there.cli("collections", "delete", "people", "--yes")
    assert other.list_collections()["CollectionIds"] == []
    wait_until(lambda: not any((there.folder / "cache" / "faces").iterdir()), timeout_s=30)


def matches(client: Any, image: dict[str, bytes]) -> list[list[dict[str, Any]]]:
    """Faces and users like the one in the image, with their similarities."""
    by_face = client.search_faces_by_image(CollectionId="people", Image=image, FaceMatchThreshold=50)
    by_user = client.search_users_by_image(CollectionId="people", Image=image, UserMatchThreshold=50)
    faces = [{**match["Face"], "Similarity": match["Similarity"]} for match in by_face["FaceMatches"]]
    users = [{**match["User"], "Similarity": match["Similarity"]} for match in by_user["UserMatches"]]
    return [faces, users]
