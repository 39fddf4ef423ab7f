"""CompareFaces and DetectFaces on real photos: the largest faces, in order, with the members that were asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.still import decode
from pipeline.media.types import U8
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import jpeg, png, wall, with_exif

pytestmark = pytest.mark.weights

Answer = Callable[..., dict[str, Any]]
DEFAULT = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
NOBODY = jpeg(np.full((100, 100, 3), 200, np.uint8))


@pytest.fixture(scope="module")
def photos(media: Path) -> Callable[[str], bytes]:
    return lambda name: (media / f"images/{name}.jpg").read_bytes()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    made = Services.from_settings(
        Settings(data_dir=tmp_path_factory.mktemp("data"), secret_key=SECRET), RememberingQueue()
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(scope="module")
def compare(services: Services, library: Library) -> Answer:
    def run(source: bytes, target: bytes, **request: Any) -> dict[str, Any]:
        images = {"SourceImage": source, "TargetImage": target}
        return load("CompareFaces")(Call(services, library, ACCOUNT, request, images))

    return run


@pytest.fixture(scope="module")
def detect(services: Services, library: Library) -> Answer:
    def run(content: bytes, *attributes: str) -> dict[str, Any]:
        request = {"Attributes": list(attributes)} if attributes else {}
        return load("DetectFaces")(Call(services, library, ACCOUNT, request, {"Image": content}))

    return run


def pixels(content: bytes) -> U8:
    still = decode(content, 10**8)
    return still.rgb(still.width, still.height)


def areas(faces: list[dict[str, Any]]) -> list[float]:
    return [face["BoundingBox"]["Width"] * face["BoundingBox"]["Height"] for face in faces]


def test_somebody_is_found_in_a_group(compare: Answer, photos: Callable[[str], bytes]) -> None:
    found = compare(photos("identity/azure_Family1-Dad1"), photos("identity/azure_identification1"))
    assert set(found) == {"SourceImageFace", "FaceMatches", "UnmatchedFaces"}
    assert set(found["SourceImageFace"]) == {"BoundingBox", "Confidence"}
    (match,) = found["FaceMatches"]
    assert set(match) == {"Similarity", "Face"}
    assert match["Similarity"] > 99
    assert len(found["UnmatchedFaces"]) == 3
    assert areas(found["UnmatchedFaces"]) == sorted(areas(found["UnmatchedFaces"]), reverse=True)
    assert all(set(face) == DEFAULT for face in (match["Face"], *found["UnmatchedFaces"]))
    assert len(match["Face"]["Landmarks"]) == 5


def test_the_threshold_divides_matches_from_the_rest(compare: Answer, photos: Callable[[str], bytes]) -> None:
    images = photos("identity/azure_Family1-Dad1"), photos("identity/azure_identification1")
    everybody = compare(*images, SimilarityThreshold=0)["FaceMatches"]
    similarities = [match["Similarity"] for match in everybody]
    assert len(similarities) == 4
    assert similarities == sorted(similarities, reverse=True)
    exactly = compare(*images, SimilarityThreshold=similarities[1])
    assert exactly["FaceMatches"] == everybody[:2]
    assert len(exactly["UnmatchedFaces"]) == 2
    nobody = compare(*images, SimilarityThreshold=100)
    assert (nobody["FaceMatches"], len(nobody["UnmatchedFaces"])) == ([], 4)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_largest_source_face_is_compared(compare: Answer, photos: Callable[[str], bytes], mirrored: bool) -> None:
    """A man beside a woman who is half as large."""
    man, woman = pixels(photos("identity/azure_Family1-Dad1")), pixels(photos("identity/azure_Family1-Mom1"))[::2, ::2]
    both = np.full((max(len(man), len(woman)), man.shape[1] + woman.shape[1], 3), 255, np.uint8)
    both[: len(man), : man.shape[1]] = man
    both[: len(woman), man.shape[1] :] = woman
    found = compare(jpeg(both[:, ::-1] if mirrored else both), photos("identity/azure_Family1-Dad2"))
    assert found["FaceMatches"][0]["Similarity"] > 99
    assert found["UnmatchedFaces"] == []


def test_an_image_is_like_itself(compare: Answer, photos: Callable[[str], bytes]) -> None:
    photo = photos("faces/azure_detection1")
    found = compare(photo, png(pixels(photo)))
    assert [match["Similarity"] for match in found["FaceMatches"]] == [pytest.approx(100, abs=0.01)]
    assert found["SourceImageFace"]["BoundingBox"] == pytest.approx(
        found["FaceMatches"][0]["Face"]["BoundingBox"], abs=0.01
    )


def test_images_without_faces_are_named(compare: Answer, photos: Callable[[str], bytes]) -> None:
    photo = photos("faces/azure_detection1")
    for source, target, member in ((NOBODY, photo, "SourceImage"), (photo, NOBODY, "TargetImage")):
        with pytest.raises(RequestError, match=rf"Request has invalid parameters: {member} shows no face") as refusal:
            compare(source, target)
        assert refusal.value.code == "InvalidParameterException"


def test_images_that_cannot_be_used_are_named(compare: Answer, photos: Callable[[str], bytes]) -> None:
    photo = photos("faces/azure_detection1")
    for source, target, member in ((b"GIF89a", photo, "SourceImage"), (photo, photo[:-9999], "TargetImage")):
        with pytest.raises(RequestError, match=f"Request has invalid image format: {member}: ") as refusal:
            compare(source, target)
        assert refusal.value.code == "InvalidImageFormatException"


def test_faces_below_the_quality_bar_are_not_compared(compare: Answer, photos: Callable[[str], bytes]) -> None:
    sharp = photos("faces/azure_detection2")
    blurred = jpeg(gaussian_filter(pixels(sharp), (9, 9, 0)))
    with pytest.raises(
        RequestError, match=r"SourceImage shows no face that passes QualityFilter HIGH.*LOW_SHARPNESS"
    ) as refusal:
        compare(blurred, sharp, QualityFilter="HIGH")
    assert refusal.value.code == "InvalidParameterException"
    filtered = compare(sharp, blurred, QualityFilter="LOW")
    assert (filtered["FaceMatches"], filtered["UnmatchedFaces"]) == ([], [])
    unfiltered = compare(sharp, blurred)
    assert len(unfiltered["FaceMatches"]) + len(unfiltered["UnmatchedFaces"]) == 1
    assert compare(sharp, blurred, QualityFilter="NONE") == unfiltered


@pytest.mark.parametrize(("photo", "faces"), [("faces/solvay1927", 29), ("identity/azure_identification1", 4)])
def test_all_faces_are_detected_largest_first(
    detect: Answer, photos: Callable[[str], bytes], photo: str, faces: int
) -> None:
    found = detect(photos(photo))
    assert set(found) == {"FaceDetails"}
    assert len(found["FaceDetails"]) == faces
    assert areas(found["FaceDetails"]) == sorted(areas(found["FaceDetails"]), reverse=True)
    assert all(set(face) == DEFAULT for face in found["FaceDetails"])


def test_a_hundred_faces_are_detected_at_most(detect: Answer, photos: Callable[[str], bytes]) -> None:
    """A wall of 120 portraits of one man."""
    photo = photos("faces/azure_detection2")
    portraits = wall(photo, detect(photo)["FaceDetails"][0]["BoundingBox"], 10, 12)
    found = detect(portraits)["FaceDetails"]
    assert len(found) == 100
    assert areas(found) == sorted(areas(found), reverse=True)


def test_no_face_is_an_empty_answer(detect: Answer) -> None:
    assert detect(NOBODY, "ALL") == {"FaceDetails": []}


@pytest.mark.parametrize(
    ("attributes", "more"),
    [
        (("DEFAULT",), set()),
        (("SMILE",), {"Smile"}),
        (("DEFAULT", "AGE_RANGE", "GENDER"), {"AgeRange", "Gender"}),
        (("EMOTIONS", "EMOTIONS"), {"Emotions"}),
        (("EYE_DIRECTION", "EYES_OPEN", "MOUTH_OPEN"), {"EyeDirection", "EyesOpen", "MouthOpen"}),
        (("EYEGLASSES", "SUNGLASSES"), {"Eyeglasses", "Sunglasses"}),
    ],
)
def test_attributes_are_those_that_were_asked_for(
    detect: Answer, photos: Callable[[str], bytes], attributes: tuple[str, ...], more: set[str]
) -> None:
    (face,) = detect(photos("faces/azure_detection2"), *attributes)["FaceDetails"]
    assert set(face) == DEFAULT | more
    assert len(face["Landmarks"]) == 5


def test_all_attributes_are_told_beside_others(detect: Answer, photos: Callable[[str], bytes]) -> None:
    (face,) = detect(photos("faces/azure_detection2"), "DEFAULT", "ALL", "SMILE")["FaceDetails"]
    assert set(face) >= DEFAULT | {"AgeRange", "Smile", "Eyeglasses", "Sunglasses", "Gender", "EyesOpen", "MouthOpen"}
    assert set(face) >= {"Emotions", "EyeDirection"}
    assert len(face["Landmarks"]) == 30


@pytest.mark.parametrize(
    ("photo", "masked"), [("ppe/mask_002", True), ("ppe/mask_013", True), ("faces/azure_detection2", False)]
)
@pytest.mark.parametrize("attribute", ["FACE_OCCLUDED", "ALL"])
def test_masks_occlude_faces(
    detect: Answer, photos: Callable[[str], bytes], photo: str, masked: bool, attribute: str
) -> None:
    face = detect(photos(photo), attribute)["FaceDetails"][0]
    assert face.get("FaceOccluded", {"Value": False})["Value"] is masked
    assert "FaceOccluded" not in detect(photos(photo), "SMILE")["FaceDetails"][0]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_boxes_are_of_the_upright_image(detect: Answer, photos: Callable[[str], bytes], orientation: int) -> None:
    upright = pixels(photos("faces/azure_detection2"))
    (expected,) = detect(jpeg(upright))["FaceDetails"]
    stored = np.ascontiguousarray(np.rot90(upright, {3: 2, 6: 1, 8: 3}[orientation]))
    (turned,) = detect(with_exif(jpeg(stored), orientation))["FaceDetails"]
    assert turned["BoundingBox"] == pytest.approx(expected["BoundingBox"], abs=0.01)
    assert abs(turned["Pose"]["Roll"]) < 10
