"""RecognizeCelebrities on real photos: the largest faces, each named or not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import JobFailed
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.images.people import photo_face
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import celebrities
from pipeline.store.celebrities import Celebrity
from pipeline.store.engine import writing
from pipeline.store.face_schema import collections as collections_table
from pipeline.store.faces import Image
from pipeline.store.metadata import utcnow
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import wall

pytestmark = pytest.mark.weights

COMPARED = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality", "Emotions", "Smile"}
DAD = Celebrity("dad1", "Somebody's Dad", ("example.org/dad",), "Male")
MUM = Celebrity("mum1", "Somebody's Mum")


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services.from_settings(Settings(data_dir=tmp_path, secret_key=SECRET), RememberingQueue())
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def recognize(services: Services, library: Library) -> Callable[[bytes], dict[str, Any]]:
    return lambda photo: load("RecognizeCelebrities")(Call(services, library, ACCOUNT, {}, {"Image": photo}))


def test_celebrities_are_named_among_others(
    recognize: Callable[[bytes], dict[str, Any]], services: Services, library: Library, media: Path
) -> None:
    photos = media / "images/identity"
    group = (photos / "azure_identification1.jpg").read_bytes()
    strangers = recognize(group)
    assert (strangers["CelebrityFaces"], len(strangers["UnrecognizedFaces"])) == ([], 4)
    for who, photo in ((DAD, "azure_Family1-Dad1.jpg"), (MUM, "biden_portrait.jpg")):
        known = photo_face(library, photos / photo)
        with writing(services.engine) as connection:
            celebrities.put(connection, who, utcnow())
            celebrities.add_face(connection, who.id, Image(known.digest, None), known.face, utcnow())
    found = recognize(group)
    assert set(found) == {"CelebrityFaces", "UnrecognizedFaces"}
    (dad,) = found["CelebrityFaces"]
    face, confidence = dad.pop("Face"), dad.pop("MatchConfidence")
    assert dad == DAD.wire == {"Id": "dad1", "Name": DAD.name, "Urls": list(DAD.urls), "KnownGender": {"Type": "Male"}}
    assert 95 <= confidence <= 100
    assert len(found["UnrecognizedFaces"]) == 3
    assert [set(one) for one in (face, *found["UnrecognizedFaces"])] == [COMPARED] * 4
    areas = [one["BoundingBox"]["Width"] * one["BoundingBox"]["Height"] for one in found["UnrecognizedFaces"]]
    assert areas == sorted(areas, reverse=True)


def test_a_gallery_of_another_model_is_named(
    recognize: Callable[[bytes], dict[str, Any]], services: Services, library: Library, media: Path
) -> None:
    photo = media / "images/identity/azure_Family1-Dad1.jpg"
    known = photo_face(library, photo)
    with writing(services.engine) as connection:
        celebrities.put(connection, DAD, utcnow())
        celebrities.add_face(connection, DAD.id, Image(known.digest, None), known.face, utcnow())
        connection.execute(collections_table.update().values(face_model_version="1.0"))
    with pytest.raises(JobFailed, match=r"indexed with version 1\.0 of the face model"):
        recognize(photo.read_bytes())


@pytest.mark.slow
def test_the_64_largest_faces_are_looked_at(recognize: Callable[[bytes], dict[str, Any]], media: Path) -> None:
    photo = (media / "images/faces/azure_detection2.jpg").read_bytes()
    (face,) = recognize(photo)["UnrecognizedFaces"]
    found = recognize(wall(photo, face["BoundingBox"], 7, 10))
    assert (found["CelebrityFaces"], len(found["UnrecognizedFaces"])) == ([], 64)
