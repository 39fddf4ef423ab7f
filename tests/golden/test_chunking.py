"""No answer depends on how a video is cut into chunks, nor on which other analyses run in the same pass."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import analyses
from pipeline.aggregate.types import Record
from pipeline.analyses.types import Stage
from pipeline.catalog import OPERATIONS, STEP
from pipeline.detect.columns import pack
from pipeline.media.probe import probe
from pipeline.media.types import EveryAtEnds
from pipeline.models.library import Library
from tests.support.clips import concluded, detected
from tests.support.excerpts import OPEN, SPARSE, encoded, frame_at, trimmed
from tests.support.galleries import OneGallery, gallery_of
from tests.support.media import Clip, render

pytestmark = [pytest.mark.weights, pytest.mark.slow]

REQUESTS: Mapping[str, Mapping[str, Any]] = {
    **{name: operation.minimal for name, operation in OPERATIONS.items()},
    "LabelDetection": {"MinConfidence": 20.0},
    "FaceDetection": {"FaceAttributes": "ALL"},
    "FaceSearch": {"CollectionId": "people", "FaceMatchThreshold": 30.0},
    "ContentModeration": {"MinConfidence": 1.0},
}
KNOWN = {"lin-manuel-miranda.png": "Lin", "alex-lacamoire.png": "Alex", "obama_official.jpg": "Barack"}
CHUNKS = 5
Found = Mapping[str, Sequence[tuple[int, Any]]]
Answers = dict[str, tuple[list[Record], Mapping[str, Any]]]

# What is there to be cut, and what must be found in it so that equal answers mean something.
CLIPS: Mapping[str, tuple[Callable[[Path, Path], Path], set[str]]] = {
    "walkers": (
        lambda media, folder: trimmed(media / "videos/vtest_PETS09-S2L1.avi", folder / "walkers.avi", 0, 6),
        {"PersonTracking", "LabelDetection", "SegmentDetection"},
    ),
    "titles and sound": (
        lambda media, folder: trimmed(media / "videos/sintel_trailer-720p.mp4", folder / "titles.mp4", 43, 48.5),
        {"TextDetection", "SegmentDetection"},
    ),
    "variable rate": (
        lambda media, folder: trimmed(media / "odd/vfr_traffic_camera.mp4", folder / "rate.mp4", 10, 15.5),
        {"LabelDetection", "SegmentDetection"},
    ),
    "one keyframe": (
        lambda media, folder: encoded(media / "videos/short_hamilton_clip.mp4", folder / "one.mp4", 1.5, 8.5, SPARSE),
        set(OPERATIONS) - {"TextDetection", "ContentModeration"},
    ),
    "open groups, dropped frames": (
        lambda media, folder: encoded(
            media / "videos/googlework_short.mp4", folder / "open.mp4", 26, 31, OPEN, lambda number: number * 7 % 5 > 1
        ),
        {"TextDetection", "FaceDetection", "PersonTracking", "LabelDetection", "SegmentDetection"},
    ),
}


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


@pytest.fixture(scope="module")
def people(media: Path, library: Library) -> OneGallery:
    folder = media / "images/identity"
    known = {folder / photo: {"FaceId": name, "Id": name, "Name": name, "Urls": []} for photo, name in KNOWN.items()}
    return OneGallery(gallery_of(known, library))


def stages_of(names: Iterable[str], library: Library) -> dict[str, Sequence[Stage]]:
    """The stages of each operation."""
    return {name: analyses.load(name).stages([REQUESTS[name]], library) for name in names}


def found_by(path: Path, stages: Mapping[str, Sequence[Stage]], borders: Sequence[int] = ()) -> Found:
    """What all stages find in one pass."""
    return detected(path, [stage for wanted in stages.values() for stage in wanted], borders)


def answers(path: Path, stages: Mapping[str, Sequence[Stage]], found: Found, people: OneGallery) -> Answers:
    """What each operation makes of what was found."""
    return {
        name: concluded(path, name, REQUESTS[name], [stage.key for stage in wanted], found, people)
        for name, wanted in stages.items()
    }


def uneven(path: Path, seed: str) -> list[int]:
    """Where five chunks of a clip begin, but for the first: anywhere, two of them one frame apart."""
    _, index = probe(path)
    chance = random.Random(seed)
    places = chance.sample(range(2, len(index.pts) - 1), CHUNKS - 2)
    return sorted({*places, next(place + 1 for place in places if place + 1 not in places)})


@pytest.mark.parametrize("name", CLIPS)
def test_five_chunks_give_the_answers_of_one(
    name: str, media: Path, library: Library, people: OneGallery, tmp_path: Path
) -> None:
    made, expected = CLIPS[name]
    path = made(media, tmp_path)
    stages, borders = stages_of(OPERATIONS, library), uneven(path, name)
    whole, cut = found_by(path, stages), found_by(path, stages, borders)
    for key, found in whole.items():
        assert pack(cut[key]) == pack(found), f"{key} cut at {borders}"
    answered = answers(path, stages, whole, people)
    assert expected <= {operation for operation, (records, _) in answered.items() if records}
    assert answers(path, stages, cut, people) == answered


def test_each_analysis_alone_gives_the_answer_of_all_together(
    media: Path, library: Library, people: OneGallery, tmp_path: Path
) -> None:
    path = CLIPS["open groups, dropped frames"][0](media, tmp_path)
    stages = stages_of(OPERATIONS, library)
    together = found_by(path, stages)
    answered = answers(path, stages, together, people)
    for name, mine in stages.items():
        alone = found_by(path, {name: mine})
        for key, found in alone.items():
            assert pack(found) == pack(together[key]), key
        assert answers(path, {name: mine}, alone, people)[name] == answered[name]


def fading_title(media: Path, path: Path) -> Path:
    """Half a minute of a title that gets darker, slowly: read again now and then."""
    title = frame_at(media / "videos/sintel_trailer-720p.mp4", 45).reformat(320, 180, "rgb24").to_ndarray()
    return render(path, Clip(300, Fraction(10), paint=lambda number: (title * (1 - number / 500)).astype(np.uint8)))


def test_text_near_the_ends_is_read_as_in_the_whole_video(media: Path, library: Library, tmp_path: Path) -> None:
    path = fading_title(media, tmp_path / "title.mp4")
    everywhere = analyses.load("TextDetection").stages([{}], library)
    watched = analyses.load("SegmentDetection").stages([{"SegmentTypes": ["TECHNICAL_CUE"]}], library)
    near = [
        replace(stage, sampling=replace(stage.sampling, least_ms=9000, most_ms=9000))
        for stage in watched
        if isinstance(stage.sampling, EveryAtEnds)
    ]
    alone, together = detected(path, near), detected(path, [*everywhere, *near])
    (key,) = (stage.key for stage in near if stage.needs)
    assert len(alone[key]) < len(together[everywhere[1].key])
    assert any(len(found.characters) for _, found in alone[key][-10:])
    assert pack(alone[key]) == pack(together[key])


def test_text_is_read_alike_whatever_steps_others_ask_for(media: Path, library: Library, tmp_path: Path) -> None:
    path = fading_title(media, tmp_path / "title.mp4")
    mine, others = ([*analyses.load("TextDetection").stages([each], library)] for each in ({}, {STEP: 300}))
    alone, together = detected(path, mine), detected(path, [*others, *mine])
    assert any(len(found.characters) for _, found in alone[mine[1].key][-10:])
    assert pack(alone[mine[1].key]) == pack(together[mine[1].key])


def test_text_that_is_carried_forward_is_the_same_in_chunks(media: Path, library: Library, tmp_path: Path) -> None:
    path = fading_title(media, tmp_path / "title.mp4")
    stages = stages_of(["TextDetection"], library)
    whole, cut = found_by(path, stages), found_by(path, stages, uneven(path, "title"))
    assert {key: pack(found) for key, found in cut.items()} == {key: pack(found) for key, found in whole.items()}
