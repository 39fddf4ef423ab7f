"""The script that Reelsight is compared with does the same work: on the same frames it finds what Reelsight finds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline import analyses
from pipeline.catalog import by_analysis
from pipeline.media.probe import probe
from pipeline.models.library import Library
from scripts.bench_peers.cut import beginning
from scripts.bench_peers.naive import job
from scripts.bench_peers.ours import counted
from scripts.bench_peers.pictures import READERS
from tests.support.clips import answered

pytestmark = [pytest.mark.weights, pytest.mark.slow]

FACES = "face-demographics-walking-and-pause_gif.mp4"
"""3.4 s, three faces."""
SHORT = "head-pose-face-detection-female_gif.mp4"
"""1.9 s, a woman."""
CUTS = "short_hamilton_clip.mp4"
"""10 s, three cuts, lettering."""
Item = Mapping[str, Any]


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> str:
    if request.param == "opencv":
        pytest.importorskip("cv2", reason="OpenCV comes with the extra `bench`")
    return str(request.param)


def both(clip: Path, analysis: str, reader: str, library: Library, **parameters: Any) -> tuple[list[Item], list[Item]]:
    """The items of ours and of the script's."""
    operation = by_analysis(analysis)
    given = {**operation.minimal, **parameters}
    ours = [r.body for r in answered(clip, analyses.load(operation.name), given, library)]
    return ours, job(clip, operation.name, given, reader, library)["items"]


def overlap(a: Item, b: Item) -> float:
    """Intersection over union of two boxes."""
    width = min(a["Left"] + a["Width"], b["Left"] + b["Width"]) - max(a["Left"], b["Left"])
    height = min(a["Top"] + a["Height"], b["Top"] + b["Height"]) - max(a["Top"], b["Top"])
    inside = max(width, 0) * max(height, 0)
    return float(inside / (a["Width"] * a["Height"] + b["Width"] * b["Height"] - inside))


def test_the_same_faces(media: Path, library: Library, reader: str) -> None:
    ours, theirs = both(media / "videos" / FACES, "faces", reader, library)
    assert len(ours) > 10
    assert [item["Timestamp"] for item in ours] == [item["Timestamp"] for item in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        same_moment = [item for item in theirs if item["Timestamp"] == mine["Timestamp"]]
        assert max(overlap(mine["Face"]["BoundingBox"], item["Face"]["BoundingBox"]) for item in same_moment) > 0.8
        assert set(mine["Face"]) == set(other["Face"])


def test_the_same_labels(media: Path, library: Library, reader: str) -> None:
    ours, theirs = both(media / "videos" / FACES, "labels", reader, library)
    for some, all_of_other in ((ours, theirs), (theirs, ours)):
        sure = {(item["Timestamp"], item["Label"]["Name"]) for item in some if item["Label"]["Confidence"] > 70}
        assert len(sure) > 10
        assert sure <= {(item["Timestamp"], item["Label"]["Name"]) for item in all_of_other}


def test_the_same_shots(media: Path, library: Library, reader: str) -> None:
    with counted() as tally:
        ours, theirs = both(media / "videos" / CUTS, "segments", reader, library, SegmentTypes=("SHOT",))
    assert tally.pictures == probe(media / "videos" / CUTS)[0].frame_count, "ours decodes each frame once"
    frames = ("StartFrameNumber", "EndFrameNumber")
    assert len(ours) > 2
    assert [[item[name] for name in frames] for item in ours] == [[item[name] for name in frames] for item in theirs]


def test_the_same_people(media: Path, library: Library, reader: str) -> None:
    ours, theirs = both(media / "videos" / SHORT, "persons", reader, library)
    assert {item["Person"]["Index"] for item in ours} == {item["Person"]["Index"] for item in theirs}
    assert len(ours) > 5
    assert abs(len(ours) - len(theirs)) <= len(ours) // 10
    boxed = {item["Timestamp"]: item["Person"]["BoundingBox"] for item in theirs}
    assert all(overlap(item["Person"]["BoundingBox"], boxed[item["Timestamp"]]) > 0.8 for item in ours)


def test_a_shorter_copy_holds_the_beginning(media: Path, tmp_path: Path) -> None:
    copy, _ = probe(beginning(media / "videos" / CUTS, 2, tmp_path))
    whole, _ = probe(media / "videos" / CUTS)
    assert (copy.frame_count, copy.width, copy.height) == (60, whole.width, whole.height)
    assert len(copy.audio) == len(whole.audio) == 1
