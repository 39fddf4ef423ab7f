"""People tracked in real clips with known tracks; floors lie well below what was measured, and far above what chance gives."""

from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.aggregate.types import Record
from pipeline.analyses.persons import ANALYSIS
from pipeline.media.probe import probe
from pipeline.models.library import Library
from scripts.metrics import truth
from scripts.score_persons import track_figures
from tests.support.clips import answered

pytestmark = pytest.mark.weights
FRAMES = 140


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


@pytest.fixture(scope="module")
def crossing(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 14 seconds of a clip of pedestrians."""
    path = tmp_path_factory.mktemp("persons") / "crossing.avi"
    with av.open(str(media / "videos/vtest_PETS09-S2L1.avi")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None and number < FRAMES:
                packet.stream = stream
                target.mux(packet)
    return path


def figures(media: Path, name: str, path: Path, records: list[Record]) -> dict[str, Any]:
    info, _ = probe(path)
    known = truth(media, f"mot_{name}")
    boxes = {frame: seen for frame, seen in known["boxes"].items() if int(frame) <= info.frame_count}
    metadata = {"FrameRate": float(info.frame_rate), "FrameWidth": info.width, "FrameHeight": info.height}
    pages = [{"VideoMetadata": metadata, "Persons": [record.body for record in records]}]
    return track_figures({**known, "frames": info.frame_count, "boxes": boxes}, pages)


def test_pedestrians_seen_from_the_side(library: Library, media: Path) -> None:
    path = media / "videos/TUD-Campus.mp4"
    records = answered(path, ANALYSIS, {}, library)
    found = figures(media, "TUD-Campus", path, records)
    assert found["idf1"] >= 0.75
    assert found["mota"] >= 0.5
    assert found["switches"] <= 3
    faces = [r.body["Person"] for r in records if "Face" in r.body["Person"]]
    assert len(faces) >= 10
    for person in faces:
        head, body = person["Face"]["BoundingBox"], person["BoundingBox"]
        assert body["Left"] - 0.02 <= head["Left"] + head["Width"] / 2 <= body["Left"] + body["Width"] + 0.02
        assert head["Top"] + head["Height"] / 2 <= body["Top"] + 0.4 * body["Height"]


@pytest.mark.slow
def test_pedestrians_seen_from_above_in_one_chunk_and_in_five(library: Library, media: Path, crossing: Path) -> None:
    whole = answered(crossing, ANALYSIS, {}, library)
    found = figures(media, "vtest_PETS09-S2L1", crossing, whole)
    assert found["frames"] == FRAMES / 2
    assert found["idf1"] >= 0.75
    assert found["mota"] >= 0.7
    assert found["switches"] <= 6
    assert answered(crossing, ANALYSIS, {}, library, cuts=5) == whole


def test_the_camera_follows_one_player(library: Library, media: Path) -> None:
    records = answered(media / "videos/basketball.mp4", ANALYSIS, {}, library)
    assert {record.index for record in records} == {0}
    assert len(records) >= 50


def test_a_singer_is_the_same_after_cuts_in_one_chunk_and_in_four(library: Library, media: Path) -> None:
    path = media / "videos/short_hamilton_clip.mp4"
    records = answered(path, ANALYSIS, {}, library)
    assert answered(path, ANALYSIS, {}, library, cuts=4) == records
    largest = {
        time: max(
            (r for r in records if r.timestamp_ms == time), key=lambda r: r.body["Person"]["BoundingBox"]["Height"]
        )
        for time in {r.timestamp_ms for r in records}
    }
    wide, near = ({r.index for t, r in largest.items() if low <= t < high} for low, high in ((0, 700), (3000, 7000)))
    assert wide == near
    assert len(wide) == 1
    assert not wide & {r.index for r in records if r.timestamp_ms > 7200 or 800 <= r.timestamp_ms < 1400}
