"""Faces of real pictures and clips against their ground truth; thresholds are those of the published baselines."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.analyses.faces import ANALYSIS
from pipeline.detect.boxes import corners_of, iou
from pipeline.detect.types import Faces
from pipeline.models.library import Library
from tests.support.clips import answered
from tests.support.stills import drawn, still

FACES = "faces-500ms"

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


@pytest.fixture(scope="module")
def truth(media: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((media / "truth" / "faces.json").read_text())
    return found


def faces_of(library: Library, path: Path) -> Faces:
    (stage,) = ANALYSIS.stages([{}], library)
    (found,) = stage.detector.detect([stage.detector.prepare(still(path))])
    return found


def test_every_annotated_face_is_found_and_nearly_nothing_else(
    library: Library, media: Path, truth: dict[str, Any]
) -> None:
    hits = expected = predicted = 0
    for file, boxes in truth["boxes"].items():
        picture = still(media / file)
        found = corners_of(faces_of(library, media / file).boxes, (picture.width, picture.height))
        wanted = np.float32([[b["left"], b["top"], b["left"] + b["width"], b["top"] + b["height"]] for b in boxes])
        hits += int((iou(wanted, found).max(axis=1) >= 0.4).sum())
        expected, predicted = expected + len(wanted), predicted + len(found)
    assert hits == expected == 18
    assert hits / predicted >= 0.947


def test_faces_are_counted_without_error(library: Library, media: Path, truth: dict[str, Any]) -> None:
    counts = {file: number for file, number in truth["counts"].items() if isinstance(number, int)}
    assert {file: len(faces_of(library, media / file).scores) for file in counts} == counts


def test_faces_are_the_largest_first_with_landmarks_inside(library: Library, media: Path) -> None:
    found = faces_of(library, media / "images/faces/solvay1927.jpg")
    sizes = found.boxes[:, 2] * found.boxes[:, 3]
    assert (np.diff(sizes) <= 1e-6).all()
    spots, boxes = found.landmarks, found.boxes[:, None]
    assert (spots[:, :, 0] > boxes[..., 0]).all()
    assert (spots[:, :, 0] < boxes[..., 0] + boxes[..., 2]).all()
    assert (spots[:, 0, 0] < spots[:, 1, 0]).all()
    assert (spots[:, 3, 1] > spots[:, 0, 1]).all()


def test_a_mirrored_face_looks_the_other_way(library: Library, media: Path) -> None:
    (stage,) = ANALYSIS.stages([{}], library)
    picture = still(media / "images/faces/azure_detection1.jpg")
    pixels = picture.rgb(picture.width, picture.height)
    plain, mirrored = (stage.detector.detect([stage.detector.prepare(drawn(p))])[0] for p in (pixels, pixels[:, ::-1]))
    assert plain.pose[0, 1] > 10
    assert mirrored.pose[0, 1] == pytest.approx(-plain.pose[0, 1], abs=10)
    assert mirrored.quality[0, 0] == pytest.approx(plain.quality[0, 0], abs=5)


def test_one_face_in_every_sample_of_a_clip(library: Library, media: Path) -> None:
    records = answered(media / "videos/thumbs_up_woman.mp4", ANALYSIS, {"FaceAttributes": "DEFAULT"}, library)
    times = [r.timestamp_ms for r in records]
    assert times == sorted(set(times))
    assert len(times) == 16
    assert all(0 <= t % 500 < 40 for t in times)


def test_nothing_is_found_on_a_white_picture(library: Library) -> None:
    (stage,) = ANALYSIS.stages([{}], library)
    white = drawn(np.full((240, 320, 3), 255, np.uint8))
    (found,) = stage.detector.detect([stage.detector.prepare(white)])
    assert (found.boxes.shape, found.landmarks.shape, found.pose.shape, found.quality.shape) == (
        (0, 4),
        (0, 5, 2),
        (0, 3),
        (0, 2),
    )
    assert stage.key == FACES
