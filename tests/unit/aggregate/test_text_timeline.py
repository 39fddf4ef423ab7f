"""Lines and words as GetTextDetection shows them."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline.aggregate.text import TextFilter, TextTimeline, text_detections
from pipeline.aggregate.types import NoGalleries
from pipeline.analyses.text import ANALYSIS
from pipeline.detect.columns import pack, unpack
from pipeline.detect.types import TextLines
from pipeline.media.types import Timestamp

TEXT = "text-500ms"

Written = tuple[str, float, tuple[float, float, float, float]]


def lines(*written: Sequence[Written]) -> TextLines:
    """Lines of words: text, confidence and left, top, width, height."""
    words = [word for line in written for word in line]
    quads = np.float32([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for _, _, (x, y, w, h) in words])
    counts = np.array([len(line) for line in written], np.int64)
    starts = (np.cumsum(counts) - counts).tolist()
    return TextLines(
        quads=quads.reshape(-1, 4, 2)[starts],
        word_counts=counts,
        word_quads=quads.reshape(-1, 4, 2),
        confidences=np.float32([confidence for _, confidence, _ in words]),
        lengths=np.array([len(text) for text, _, _ in words], np.int64),
        characters=np.array([ord(c) for text, _, _ in words for c in text], np.int64),
    )


PAGE = lines(
    [("World", 0.99, (0.5, 0.31, 0.2, 0.1))],
    [("Hello", 0.99, (0.1, 0.3, 0.2, 0.1)), ("you", 0.5, (0.32, 0.3, 0.1, 0.1))],
    [("Überschrift", 0.95, (0.2, 0.1, 0.4, 0.05))],
)


def texts(found: Sequence[dict[str, Any]], kind: str = "WORD") -> list[str]:
    return [d["DetectedText"] for d in found if d["Type"] == kind]


def test_lines_come_first_in_reading_order_and_words_name_their_lines() -> None:
    found = text_detections(PAGE, TextFilter(confidence=0))
    assert texts(found, "LINE") == ["Überschrift", "Hello you", "World"]
    assert texts(found) == ["Überschrift", "Hello", "you", "World"]
    assert [d["Id"] for d in found] == list(range(7))
    assert [d.get("ParentId") for d in found] == [None, None, None, 0, 1, 1, 2]


def test_a_line_is_around_its_words_and_as_sure_as_their_characters() -> None:
    line = text_detections(PAGE, TextFilter(confidence=0))[1]
    assert line["Confidence"] == pytest.approx((5 * 99 + 3 * 50) / 8, abs=1e-3)
    assert line["Geometry"]["BoundingBox"] == pytest.approx({"Left": 0.1, "Top": 0.3, "Width": 0.32, "Height": 0.1})
    assert line["Geometry"]["Polygon"][0] == pytest.approx({"X": 0.1, "Y": 0.3})
    assert line["Geometry"]["Polygon"][2] == pytest.approx({"X": 0.42, "Y": 0.4})


def test_words_below_the_confidence_are_taken_out_of_their_line() -> None:
    found = text_detections(PAGE, TextFilter())
    assert texts(found, "LINE") == ["Überschrift", "Hello", "World"]
    hello = found[1]
    assert hello["Confidence"] == pytest.approx(99, abs=1e-3)
    assert hello["Geometry"]["BoundingBox"]["Width"] == pytest.approx(0.2)
    assert texts(text_detections(PAGE, TextFilter(confidence=99.5))) == []


def test_small_words_are_left_out() -> None:
    assert texts(text_detections(PAGE, TextFilter(confidence=0, height=0.06))) == ["Hello", "you", "World"]
    assert texts(text_detections(PAGE, TextFilter(confidence=0, width=0.15))) == ["Überschrift", "Hello", "World"]


def test_words_mostly_in_a_region_are_kept() -> None:
    left = [(0.0, 0.0), (0.38, 0.0), (0.38, 1.0), (0.0, 1.0)]
    assert texts(text_detections(PAGE, TextFilter(confidence=0, regions=[left]))) == ["Hello", "you"]
    top = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.13)]
    assert texts(text_detections(PAGE, TextFilter(confidence=0, regions=[left, top]))) == ["Hello", "you"]


def test_a_turned_word_has_a_tight_polygon_and_an_upright_box() -> None:
    turned = lines([("Up", 0.9, (0.4, 0.4, 0.1, 0.1))])
    diamond = np.float32([[[0.4, 0.5], [0.5, 0.4], [0.6, 0.5], [0.5, 0.6]]])
    (_, word) = text_detections(
        TextLines(diamond, turned.word_counts, diamond, turned.confidences, turned.lengths, turned.characters),
        TextFilter(),
    )
    assert word["Geometry"]["BoundingBox"] == pytest.approx({"Left": 0.4, "Top": 0.4, "Width": 0.2, "Height": 0.2})
    assert word["Geometry"]["Polygon"][1] == pytest.approx({"X": 0.5, "Y": 0.4})


def test_a_hundred_words_of_a_frame_are_reported_in_reading_order() -> None:
    rows = [[(f"w{r}-{c}", 0.99, (c / 30, r / 10, 0.02, 0.05)) for c in range(30)] for r in range(5)]
    found = text_detections(lines(*reversed(rows)), TextFilter())
    assert len(texts(found)) == 100
    assert texts(found)[-1] == "w3-9"
    assert [len(t.split()) for t in texts(found, "LINE")] == [30, 30, 30, 10]


def test_items_carry_the_time_of_their_frame_and_fit_the_model() -> None:
    timeline = TextTimeline(TEXT, TextFilter())
    found = list(timeline.add(15, Timestamp(15, Fraction(1001, 30000)), {TEXT: PAGE}))
    assert {r.timestamp_ms for r in found} == {r.body["Timestamp"] for r in found} == {500}
    assert not list(timeline.add(16, Timestamp(16, Fraction(1001, 30000)), {}))
    assert not list(timeline.finish(Timestamp(30, Fraction(1001, 30000))))
    assert timeline.summary() == {"TextModelVersion": "3.0"}
    service = ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")
    shape = service.shape_for("GetTextDetectionResponse")
    answer = {"TextDetections": [r.body for r in found], **timeline.summary()}
    assert not ParamValidator().validate(answer, shape).has_errors()


def test_frames_without_text_have_no_items() -> None:
    assert text_detections(lines(), TextFilter()) == []


def test_text_survives_storage() -> None:
    ((_, first), (_, second)) = unpack(pack([(0, PAGE), (12, lines())]))
    assert text_detections(first, TextFilter()) == text_detections(PAGE, TextFilter())
    assert text_detections(second, TextFilter()) == []


def test_the_filters_of_a_request_are_applied() -> None:
    region = {"BoundingBox": {"Left": 0.45, "Top": 0.0, "Width": 0.5, "Height": 1.0}}
    sent = {
        "Filters": {"WordFilter": {"MinConfidence": 97, "MinBoundingBoxHeight": 0.06}, "RegionsOfInterest": [region]}
    }
    nothing: Any = None
    chosen = ANALYSIS.aggregator(sent, nothing, nothing, NoGalleries())
    plain = ANALYSIS.aggregator({}, nothing, nothing, NoGalleries())
    at = Timestamp(0, Fraction(1, 25))
    assert texts([r.body["TextDetection"] for r in chosen.add(0, at, {TEXT: PAGE})]) == ["World"]
    assert texts([r.body["TextDetection"] for r in plain.add(0, at, {TEXT: PAGE})]) == ["Überschrift", "Hello", "World"]
