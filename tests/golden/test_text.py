"""Text of real pictures and clips against what is written there."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.aggregate.text import TextFilter, text_detections
from pipeline.aggregate.types import Record
from pipeline.analyses.text import ANALYSIS
from pipeline.detect.types import Joined
from pipeline.media.types import U8, Stretch
from pipeline.models.library import Library
from tests.support.clips import answered
from tests.support.stills import Still, drawn, still

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir)


def detections(library: Library, picture: Still) -> list[dict[str, Any]]:
    boxes, text = ANALYSIS.stages([{}], library)
    (found,) = boxes.detector.detect([boxes.detector.prepare(picture)])
    run = text.detector.open(Stretch(0, 1), 1)
    ((_, lines),) = run.add(0, Joined(text.detector.prepare(picture), found))
    return text_detections(lines, TextFilter())


def texts(found: Iterable[Mapping[str, Any]], kind: str = "WORD") -> list[str]:
    return [d["DetectedText"] for d in found if d["Type"] == kind]


def plain(words: Iterable[str]) -> Counter[str]:
    """Words without case, forms and punctuation."""
    folded = (unicodedata.normalize("NFKC", word).casefold() for text in words for word in text.split())
    return Counter(w for word in folded if (w := "".join(c for c in word if c.isalnum())))


def is_latin(text: str) -> bool:
    return not any(unicodedata.east_asian_width(c) in "WF" for c in text)


def test_words_of_pictures_are_found_and_nearly_nothing_else(library: Library, media: Path) -> None:
    hits = predicted = expected = 0
    for file, written in json.loads((media / "truth" / "text.json").read_text())["images"].items():
        found = plain(t for t in texts(detections(library, still(media / file))) if is_latin(t))
        wanted = plain(line.removesuffix(" (partly hidden)") for line in written if is_latin(line))
        hits, predicted, expected = (
            hits + (found & wanted).total(),
            predicted + found.total(),
            expected + wanted.total(),
        )
    assert expected == 82
    assert hits / expected >= 0.93
    assert hits / predicted >= 0.94


def test_lines_are_in_reading_order_and_hold_their_words(library: Library, media: Path) -> None:
    found = detections(library, still(media / "images/text/wakeupcat.jpg"))
    assert texts(found, "LINE") == ["Wake up human!"]
    assert texts(found) == ["Wake", "up", "human!"]
    lefts = [d["Geometry"]["BoundingBox"]["Left"] for d in found[1:]]
    rights = [lefts[k] + d["Geometry"]["BoundingBox"]["Width"] for k, d in enumerate(found[1:])]
    assert lefts == sorted(lefts)
    assert all(right <= left + 1e-5 for right, left in zip(rights, lefts[1:], strict=False))
    assert lefts[0] == pytest.approx(20 / 600, abs=0.02)
    assert rights[-1] == pytest.approx(580 / 600, abs=0.02)


def test_japanese_is_read_as_one_word_a_run(library: Library, media: Path) -> None:
    found = detections(library, still(media / "images/text/japanese_no_litter.jpg"))
    assert {"ポイ捨て禁止!", "清潔できれいな港区を", "LITTER"} <= set(texts(found))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_pictures_are_read_as_well(library: Library, media: Path, turns: int) -> None:
    upright = still(media / "images/text/who_english.png")
    pixels: U8 = upright.rgb(upright.width, upright.height)
    wanted = plain(texts(detections(library, upright)))
    found = detections(library, drawn(np.rot90(pixels, turns)))
    assert (plain(texts(found)) & wanted).total() / wanted.total() >= 0.9
    (reduce,) = [d for d in found if d["DetectedText"] == "Reduce"]
    start, end = (np.array([point["X"], point["Y"]]) for point in reduce["Geometry"]["Polygon"][:2])
    direction = (end - start) * [upright.height, upright.width] if turns % 2 else end - start
    assert direction / np.hypot(*direction) == pytest.approx([[0, -1], [-1, 0], [0, 1]][turns - 1], abs=0.05)


def test_nothing_is_read_on_a_white_picture(library: Library) -> None:
    assert detections(library, drawn(np.full((240, 320, 3), 255, np.uint8))) == []


def lines_at(records: Sequence[Record], begin_ms: int, end_ms: int) -> list[set[str]]:
    """The lines of every sample in which there are any."""
    by_time: dict[int, set[str]] = {}
    for record in records:
        if begin_ms <= record.timestamp_ms <= end_ms:
            by_time.setdefault(record.timestamp_ms, set()).update(texts([record.body["TextDetection"]], "LINE"))
    return list(by_time.values())


@pytest.fixture(scope="module")
def street(library: Library, media: Path) -> list[Record]:
    return answered(media / "videos/googlework_short.mp4", ANALYSIS, {}, library)


def test_signs_and_lower_thirds_appear_when_they_are_shown(street: Sequence[Record]) -> None:
    fps = 30000 / 1001
    for first, last, wanted in (
        (384, 431, "DE LONDRES"),
        (540, 608, "GOOGLE"),
        (540, 608, "PARIS"),
        (630, 700, "CARLO"),
        (860, 948, "Software Engineer"),
    ):
        seen = lines_at(street, int(first / fps * 1000), int(last / fps * 1000))
        assert sum(wanted in lines for lines in seen) >= max(1, len(seen) - 1), wanted
    times = [r.timestamp_ms for r in street if r.body["TextDetection"]["DetectedText"] == "OMAR"]
    assert min(times) >= 846 / fps * 1000
    assert max(times) <= 958 / fps * 1000


def test_cutting_the_video_changes_nothing(street: Sequence[Record], library: Library, media: Path) -> None:
    assert answered(media / "videos/googlework_short.mp4", ANALYSIS, {}, library, cuts=5) == street


def test_counters_are_read_anew_in_every_sample(library: Library, media: Path) -> None:
    records = answered(media / "videos/smpte-2997.mp4", ANALYSIS, {}, library)
    clocks = {
        r.timestamp_ms: text
        for r in records
        if len(text := r.body["TextDetection"]["DetectedText"]) == 11 and r.body["TextDetection"]["Type"] == "WORD"
    }
    assert clocks[1000] == "00:00:01;00"
    assert clocks[6000] == "00:00:06;00"
    assert len(set(clocks.values())) == 21
    seconds = [int(clock[6:8]) + int(clock[9:]) / 30 for _, clock in sorted(clocks.items())]
    assert seconds == pytest.approx(sorted(seconds))
    assert all(abs(second - time / 1000) < 0.05 for time, second in zip(sorted(clocks), seconds, strict=True))
