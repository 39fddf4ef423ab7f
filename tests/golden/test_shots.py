"""Shots on real clips with known truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.aggregate.feed import feed
from pipeline.aggregate.types import NoGalleries
from pipeline.analyses.segments import ANALYSIS
from pipeline.detect.shots import WINDOW, color_histograms
from pipeline.media.probe import probe
from pipeline.media.types import Stretch
from pipeline.models.library import Library
from pipeline.models.types import Session
from pipeline.run import run
from scripts.score_segments import score_shots, shot_truth

pytestmark = [pytest.mark.weights, pytest.mark.slow]
REQUEST: Mapping[str, Any] = {"SegmentTypes": ["SHOT"]}


@dataclass
class Counted:
    """The real model, and how many windows, or parts of one, it was shown; is its own `Models`."""

    session: Session
    windows: float = 0

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.session.metadata

    def load(self, name: str) -> Any:
        del name
        return self

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        shown = inputs["frames"].shape
        self.windows += shown[0] * shown[1] / WINDOW
        return self.session.run(inputs)


@dataclass
class Clip:
    """What was found in a clip."""

    frames: int
    windows: float
    segments: list[dict[str, Any]] = field(default_factory=list)


def analysed(path: Path, session: Session, places: Sequence[int] = ()) -> Clip:
    """The segments of a clip that is cut into chunks at the given frames."""
    media, index = probe(path)
    counted = Counted(session)
    stages = ANALYSIS.stages([REQUEST], counted)
    found: dict[str, list[Any]] = {stage.key: [] for stage in stages}
    edges = [0, *places, media.frame_count]
    for start, stop in pairwise(edges):
        for key, result in run(path, media, index, Stretch(start, stop), stages, lambda done: None).items():
            assert result.error is None
            found[key] += result.found
    records = feed(ANALYSIS.aggregator(REQUEST, media, index, NoGalleries()), index, media, found)
    return Clip(media.frame_count, counted.windows, [dict(record.body) for record in records])


@pytest.fixture(scope="module")
def session(models_dir: Path) -> Session:
    """AutoShot."""
    return Library(models_dir, threads=2).load("shots-autoshot")


@pytest.fixture(scope="module")
def clips(media: Path, session: Session) -> dict[str, Clip]:
    """Every clip with shot truth, analysed."""
    return {each["file"]: analysed(media / each["file"], session) for each in shot_truth(media)}


def _loader(clips: Mapping[str, Clip]) -> Any:
    def load(analysis: str, name: str) -> list[dict[str, Any]] | None:
        del analysis
        return [{"Segments": clips[name].segments}] if name in clips else None

    return load


def test_cuts_are_found_and_none_is_invented(media: Path, clips: dict[str, Clip]) -> None:
    result = score_shots(shot_truth(media), _loader(clips))
    assert result["±1"]["f1"] >= 0.988
    assert result["false_cuts_on_controls"] == 0
    assert int(result["gradual_touched"].split("/")[0]) >= 15


def test_the_net_sees_a_small_part_of_the_windows(clips: dict[str, Clip]) -> None:
    every = sum(-(-clip.frames // 50) for clip in clips.values())
    assert sum(clip.windows for clip in clips.values()) <= every / 4
    assert clips["videos/traffic_camera.mp4"].windows == 0


def test_chunks_change_nothing(media: Path, session: Session, clips: dict[str, Clip]) -> None:
    name = "videos/short_hamilton_clip.mp4"
    assert analysed(media / name, session, [17, 83, 84, 205]).segments == clips[name].segments


# Answers of the published PyTorch code on `five_scenes`, frames 18, 19, 20, 39, 50, 59, 79.
PUBLISHED = {
    "shots-autoshot": (
        (0.00061, 0.58676, 0.00009, 0.28636, 0.00002, 0.27056, 0.48124),
        (0.00465, 0.74912, 0.0011, 0.36473, 0.0003, 0.25827, 0.52654),
    ),
    "shots-transnetv2": (
        (0.00073, 0.36588, 0.00361, 0.38507, 0.00054, 0.4025, 0.43843),
        (0.00232, 0.25341, 0.0078, 0.23115, 0.0013, 0.27998, 0.26845),
    ),
}


def five_scenes() -> NDArray[np.uint8]:
    """(100, 27, 48, 3): five random pictures of 20 frames with noise."""
    rng = np.random.default_rng(1)
    scenes = rng.integers(0, 256, (5, 27, 48, 3))
    noise = rng.integers(-9, 9, (100, 27, 48, 3))
    return np.clip(scenes[np.repeat(np.arange(5), 20)] + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", PUBLISHED)
def test_converted_nets_answer_as_published(models_dir: Path, name: str) -> None:
    library = Library(models_dir, threads=2)
    if not any(models_dir.glob(f"{name}/*.onnx")):
        pytest.skip(f"{name} is not pulled")
    frames = five_scenes()
    answers = library.load(name).run({"frames": frames[None], "histograms": color_histograms(frames)[None]})
    for answer, published in zip(answers, PUBLISHED[name], strict=True):
        np.testing.assert_allclose(answer[0, [18, 19, 20, 39, 50, 59, 79]], published, atol=2e-4)
