"""DetectProtectiveEquipment on real photos: who is there, what they wear, and what bare heads and faces are not said to wear."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.detect.boxes import picture_size
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.images.decode import frame_of
from pipeline.images.faces import found, rows_of
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from scripts.paint_on_faces import CAPS, MASKS, capped_head, masked_face
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import jpeg, with_exif

pytestmark = pytest.mark.weights

Detect = Callable[..., dict[str, Any]]
ALL = {"MinConfidence": 50, "RequiredEquipmentTypes": ["FACE_COVER"]}


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(scope="module")
def detect(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Detect:
    """DetectProtectiveEquipment of an image's bytes."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), secret_key=SECRET)
    services = Services.from_settings(settings, RememberingQueue())

    def run(content: bytes, **request: Any) -> dict[str, Any]:
        return load("DetectProtectiveEquipment")(Call(services, library, ACCOUNT, request, {"Image": content}))

    return run


def worn(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """(body part, type) of everything that anybody wears."""
    parts = [part for person in answer["Persons"] for part in person["BodyParts"]]
    return {(part["Name"], item["Type"]) for part in parts for item in part["EquipmentDetections"]}


@pytest.mark.parametrize("name", ["mask_002.jpg", "mask_013.jpg"])
def test_masks_are_on_faces(media: Path, detect: Detect, name: str) -> None:
    answer = detect((media / "images" / "ppe" / name).read_bytes(), SummarizationAttributes=ALL)
    assert ("FACE", "FACE_COVER") in worn(answer)
    assert answer["Summary"]["PersonsWithRequiredEquipment"]


def test_a_hard_hat_is_on_the_head_and_above_the_face(media: Path, detect: Detect) -> None:
    answer = detect((media / "images" / "faces" / "azure_detection3.jpg").read_bytes())
    assert worn(answer) == {("HEAD", "HEAD_COVER")}
    (person,) = answer["Persons"]
    (head,) = (part for part in person["BodyParts"] if part["Name"] == "HEAD")
    (item,) = head["EquipmentDetections"]
    box, body = item["BoundingBox"], person["BoundingBox"]
    assert item["CoversBodyPart"]["Value"] is True
    assert box["Top"] + box["Height"] < body["Top"] + body["Height"] / 2
    assert body["Left"] <= box["Left"] + box["Width"] / 2 <= body["Left"] + body["Width"]


@pytest.mark.parametrize(
    ("name", "people"),
    [("faces/azure_detection2.jpg", 1), ("faces/dlib_2008_001322.jpg", 3), ("identity/azure_Family1-Dad1.jpg", 1)],
)
def test_bare_heads_and_faces_wear_nothing(media: Path, detect: Detect, name: str, people: int) -> None:
    answer = detect((media / "images" / name).read_bytes(), SummarizationAttributes=ALL)
    assert worn(answer) == set()
    assert len(answer["Persons"]) == people
    assert [person["Id"] for person in answer["Persons"]] == list(range(people))
    assert answer["Summary"]["PersonsWithoutRequiredEquipment"] == list(range(people))
    for person in answer["Persons"]:
        assert [part["Name"] for part in person["BodyParts"]] == ["FACE", "HEAD"]


@pytest.mark.parametrize("gathered", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_caps_of_clinics_are_head_covers_with_and_without_masks(
    media: Path, library: Library, detect: Detect, gathered: bool, masked: bool
) -> None:
    frame = frame_of((media / "images" / "faces" / "azure_detection2.jpg").read_bytes(), "Image")
    face = rows_of(found(library, frame), np.array([0]))
    painted = capped_head(frame.rgb(*picture_size(frame)), face, CAPS[0], np.random.default_rng(0), gathered)
    if masked:
        painted = masked_face(painted, face, MASKS[0])
    assert worn(detect(jpeg(painted))) == {("HEAD", "HEAD_COVER")} | ({("FACE", "FACE_COVER")} if masked else set())


def test_a_photo_that_lies_on_its_side_is_seen_upright(media: Path, detect: Detect) -> None:
    photo = (media / "images" / "faces" / "azure_detection3.jpg").read_bytes()
    frame = frame_of(photo, "Image")
    upright = frame.rgb(frame.width // 2 * 2, frame.height // 2 * 2)
    turned = with_exif(jpeg(np.ascontiguousarray(np.rot90(upright))), 6)
    assert worn(detect(turned)) == worn(detect(photo))
