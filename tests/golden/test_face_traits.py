"""What faces of real pictures and clips look like, against what anybody sees in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.analyses.faces import ANALYSIS
from pipeline.detect.crops import crop, turned_square
from pipeline.detect.types import Faces, FaceTraits, Joined
from pipeline.media.types import Frame, Timestamp
from pipeline.models.library import Library
from tests.support.clips import NOBODY, answered
from tests.support.stills import drawn, still

FACES = "faces-500ms"
TRAITS = "traits-500ms"

pytestmark = pytest.mark.weights
ALL = {"FaceAttributes": "ALL"}


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


def looked(library: Library, frame: Frame) -> tuple[Faces, FaceTraits]:
    finder, teller = ANALYSIS.stages([ALL], library)
    (faces,) = finder.detector.detect([finder.detector.prepare(frame)])  # type: ignore[union-attr]
    (traits,) = teller.detector.detect([Joined(teller.detector.prepare(frame), faces)])  # type: ignore[union-attr]
    return faces, traits


def faces_of(library: Library, path: Path) -> list[dict[str, Any]]:
    """FaceDetails, largest face first."""
    frame = still(path)
    faces, traits = looked(library, frame)
    told = ANALYSIS.aggregator(ALL, None, None, NOBODY)  # type: ignore[arg-type]
    records = [
        *told.add(0, frame.timestamp, {FACES: faces, TRAITS: traits}),
        *told.finish(Timestamp(1, frame.timestamp.time_base)),
    ]
    return [record.body["Face"] for record in records]


@pytest.mark.parametrize(
    ("picture", "emotion", "smile", "mouth_open"),
    [
        ("emotions_a1", "CALM", False, False),
        ("emotions_a2", "CALM", False, False),
        ("emotions_a3", "CALM", False, None),
        ("emotions_a4", "ANGRY", False, True),
        ("emotions_a5", "ANGRY", False, False),
        ("emotions_a6", "SURPRISED", None, True),
        ("emotions_a7", "HAPPY", True, False),
        ("emotions_a8", "FEAR", False, True),
    ],
)
def test_the_expressions_of_one_woman(
    library: Library, media: Path, picture: str, emotion: str, smile: bool | None, mouth_open: bool | None
) -> None:
    (face,) = faces_of(library, media / f"images/identity/{picture}.jpg")
    assert face["Emotions"][0]["Type"] == emotion
    assert smile in {None, face["Smile"]["Value"]}
    assert mouth_open in {None, face["MouthOpen"]["Value"]}
    assert face["EyesOpen"]["Value"]
    assert face["Gender"]["Value"] == "Female"
    assert face["AgeRange"]["Low"] <= 25 <= face["AgeRange"]["High"]
    assert len(face["Landmarks"]) == 30


def test_people_who_smile_into_the_camera(library: Library, media: Path) -> None:
    genders = {"faces/azure_detection1": "Female", "faces/azure_detection2": "Male", "identity/obama_official": "Male"}
    for picture, gender in genders.items():
        (face,) = faces_of(library, media / f"images/{picture}.jpg")
        assert face["Smile"]["Value"]
        assert face["Emotions"][0]["Type"] == "HAPPY"
        assert face["Gender"] == {"Value": gender, "Confidence": pytest.approx(99, abs=1.1)}
        assert face["MouthOpen"]["Value"]


def test_a_family_from_small_to_tall(library: Library, media: Path) -> None:
    father, mother, *_ = faces_of(library, media / "images/identity/azure_identification1.jpg")
    assert (father["Gender"]["Value"], mother["Gender"]["Value"]) == ("Male", "Female")
    (daughter,) = faces_of(library, media / "images/identity/azure_Family1-Daughter1.jpg")
    (son,) = faces_of(library, media / "images/identity/azure_Family1-Son2.jpg")
    assert max(child["AgeRange"]["High"] for child in (daughter, son)) <= 16
    assert min(parent["AgeRange"]["Low"] for parent in (father, mother)) >= 12
    assert min(parent["AgeRange"]["High"] for parent in (father, mother)) >= 30


def test_old_men_are_not_young(library: Library, media: Path) -> None:
    photos = sorted((media / "images/identity/lfw").glob("Jacques_Chirac_*.jpg"))
    if not photos:
        pytest.skip("no photos of old men")
    found = [faces_of(library, photo)[0] for photo in photos]
    assert {face["Gender"]["Value"] for face in found} == {"Male"}
    # Born in 1932, photographed between 2000 and 2003.
    assert sum(face["AgeRange"]["Low"] <= 69 <= face["AgeRange"]["High"] for face in found) >= 8


def test_a_mirrored_face_has_mirrored_landmarks_and_looks_the_other_way(library: Library, media: Path) -> None:
    pixels = still(media / "images/identity/emotions_a2.jpg").rgb(1024, 1280)
    (_, plain), (_, mirrored) = (looked(library, drawn(p)) for p in (pixels, pixels[:, ::-1]))
    assert plain.pose[0, 1] > 25
    assert plain.gaze[0, 0] < -15
    assert mirrored.pose[0, 1] == pytest.approx(-plain.pose[0, 1], abs=6)
    assert mirrored.gaze[0, 0] == pytest.approx(-plain.gaze[0, 0], abs=8)
    assert mirrored.landmarks[0, 0, 0] == pytest.approx(1 - plain.landmarks[0, 1, 0], abs=0.01)
    assert mirrored.landmarks[0, 0, 1] == pytest.approx(plain.landmarks[0, 1, 1], abs=0.01)


@pytest.mark.parametrize("degrees", [-35, 35])
def test_a_tilted_face_is_told_as_well(library: Library, media: Path, degrees: int) -> None:
    pixels = still(media / "images/identity/emotions_a7.jpg").rgb(1024, 1280)
    square = turned_square(np.array([511.5, 500], np.float32), 900, -degrees, 900)
    (_, plain), (_, tilted) = (looked(library, drawn(p)) for p in (pixels, crop(pixels, square, 900).astype(np.uint8)))
    assert tilted.pose[0, 0] - plain.pose[0, 0] == pytest.approx(degrees, abs=5)
    assert tilted.pose[0, 1:] == pytest.approx(plain.pose[0, 1:], abs=6)
    assert tilted.gaze[0] == pytest.approx(plain.gaze[0], abs=6)
    assert tilted.emotions[0].argmax() == plain.emotions[0].argmax()
    assert tilted.ages[0, 0] == pytest.approx(plain.ages[0, 0], abs=6)


def test_the_landmarks_lie_where_the_detector_sees_them(library: Library, media: Path) -> None:
    pictures = ["faces/azure_detection1", "faces/azure_detection2", "identity/obama_official", "identity/emotions_a5"]
    for picture in pictures:
        faces, traits = looked(library, still(media / f"images/{picture}.jpg"))
        left, right, mouth_left, mouth_right, nose = traits.landmarks[0, :5]
        away = np.stack([left, right, nose, mouth_left, mouth_right]) - faces.landmarks[0]
        assert np.abs(away / faces.boxes[0, 2:]).max() < 0.1


def test_sunglasses_are_told_from_clear_glasses_and_from_shadows(library: Library, media: Path) -> None:
    first, second, *_ = faces_of(library, media / "images/labels/bus.jpg")
    (skier, *_) = faces_of(library, media / "images/labels/coco_000000000785.jpg")
    (clear,) = faces_of(library, media / "images/faces/azure_detection1.jpg")
    assert all(face["Sunglasses"]["Value"] and face["FaceOccluded"]["Value"] for face in (first, second, skier))
    bare = [
        face
        for picture in ("emotions_a1", "obama_and_biden")
        for face in faces_of(library, media / f"images/identity/{picture}.jpg")
    ]
    assert not any(face["Sunglasses"]["Value"] for face in (clear, *bare))


def test_glasses_are_told_from_bare_noses(library: Library, media: Path) -> None:
    (woman,) = faces_of(library, media / "images/faces/azure_detection1.jpg")
    mother, girl = faces_of(library, media / "images/faces/dlib_2008_001009.jpg")
    assert all(face["Eyeglasses"]["Value"] and face["Eyeglasses"]["Confidence"] > 80 for face in (woman, girl))
    bare = [
        faces_of(library, media / f"images/identity/{name}.jpg")[0]
        for name in ("emotions_a1", "emotions_a4", "obama_official")
    ]
    assert not any(face["Eyeglasses"]["Value"] for face in (mother, *bare))


def test_faces_that_are_none_or_cut_tell_nothing(library: Library, media: Path) -> None:
    faces, traits = looked(library, still(media / "images/identity/biden_portrait.jpg"))
    assert len(faces.scores) == 2
    assert traits.presence[0] > 0.9
    # Less than half of the second one is in the picture.
    assert traits.presence[1] < 0.5
    assert np.isnan(traits.landmarks[1]).all()
    assert np.isnan(traits.male[1])


def test_a_woman_turns_her_head_from_left_to_right(library: Library, media: Path) -> None:
    clip = media / "videos/head-pose-face-detection-female_gif.mp4"
    found = [record.body["Face"] for record in answered(clip, ANALYSIS, ALL, library)]
    yaws = [face["Pose"]["Yaw"] for face in found]
    assert min(yaws[:2]) < -25
    assert yaws[2] > 20
    assert {face["Gender"]["Value"] for face in found} == {"Female"}
    assert all(face["EyesOpen"]["Value"] for face in found)


def test_two_people_in_any_cut_of_the_video(library: Library, media: Path) -> None:
    clip = media / "videos/head-pose-face-detection-female-and-male_gif.mp4"
    whole, cut = (answered(clip, ANALYSIS, ALL, library, cuts) for cuts in (1, 4))
    assert [record.body for record in whole] == [record.body for record in cut]
    told = [
        (f["BoundingBox"]["Left"] > 0.5, f["Gender"]["Value"]) for f in (r.body["Face"] for r in whole) if "Gender" in f
    ]
    assert len(told) >= 16
    assert set(told) == {(True, "Male"), (False, "Female")}


def test_default_attributes_ask_nothing_more(library: Library) -> None:
    assert [stage.key for stage in ANALYSIS.stages([{"FaceAttributes": "DEFAULT"}, {}], library)] == [FACES]
    assert [stage.key for stage in ANALYSIS.stages([{}, ALL], library)] == [FACES, TRAITS]
