"""The arithmetic behind the figures of accuracy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.figures import FIGURES, score
from scripts.metrics import iou, match, pixels, rates
from scripts.score_segments import score_black, score_cues, score_shots

SIDE = st.floats(1, 100)


@given(st.lists(st.tuples(SIDE, SIDE, SIDE, SIDE), min_size=1, max_size=5))
def test_a_box_overlaps_itself_wholly(boxes: list[tuple[float, float, float, float]]) -> None:
    corners = np.array(boxes)
    overlap = iou(corners, corners)
    assert np.allclose(np.diag(overlap), 1)
    assert np.allclose(overlap, overlap.T)


def test_boxes_side_by_side_share_nothing() -> None:
    assert iou(np.array([[0, 0, 10, 10]]), np.array([[10, 0, 10, 10]])).item() == 0


def test_matching_serves_as_many_as_it_can() -> None:
    # The best single pair would leave the second row without a partner.
    assert match(np.array([[0.9, 0.8], [0.85, 0.0]]), 0.5) == [(0, 1), (1, 0)]
    assert match(np.zeros((0, 3)), 0.5) == []


def test_rates_without_anything_are_unknown() -> None:
    assert rates(0, 0, 0)["f1"] is None
    assert rates(3, 4, 6) == {"precision": 0.75, "recall": 0.5, "f1": 0.6, "hits": 3, "predicted": 4, "expected": 6}


def test_ratios_become_pixels() -> None:
    box = {"Left": 0.5, "Top": 0.25, "Width": 0.1, "Height": 0.2}
    assert pixels([box], 200, 100).tolist() == [[100, 25, 20, 20]]
    assert pixels([], 200, 100).shape == (0, 4)


def shots(*starts: int) -> list[dict[str, Any]]:
    return [{"Segments": [{"Type": "SHOT", "StartFrameNumber": start} for start in starts]}]


@pytest.mark.parametrize(
    ("found", "near", "nearer"),
    [((0, 50), 1, 1), ((0, 51), 1, 1), ((0, 52), 0, 1), ((0, 50, 51), 1, 1), ((0,), 0, 0), ((0, 50, 205), 1, 1)],
    ids=["exact", "one off", "two off", "a cut counts once", "missed", "where nobody knows"],
)
def test_cuts_are_hit_within_the_tolerance(found: tuple[int, ...], near: int, nearer: int) -> None:
    video = {"file": "a", "cuts": [50], "gradual": [], "ignored": [(200, 210)]}
    figures = score_shots([video], lambda *_: shots(*found))
    assert (figures["±1"]["hits"], figures["±3"]["hits"]) == (near, nearer)
    assert figures["±1"]["predicted"] == near + len(figures["false"].get("a", ()))
    assert 205 not in figures["false"].get("a", ())


def test_black_ranges_are_compared_by_their_limits() -> None:
    segment = {"Type": "TECHNICAL_CUE", "TechnicalCueSegment": {"Type": "BlackFrames"}}
    pages = [{"Segments": [segment | {"StartFrameNumber": a, "EndFrameNumber": b} for a, b in ((9, 20), (70, 80))]}]
    figures = score_black([("a", True, [(10, 20), (40, 50)])], lambda *_: pages)["black a"]
    assert (figures["found"], figures["false"], figures["errors"]) == ("1/2", 1, [(-1, 0)])


def test_every_cue_counts_with_its_type_and_limits(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    parts = [("ColorBars", 0, 9), ("Slate/Countdown", 10, 19), ("Content", 20, 29), ("Content", 30, 39)]
    segments = [{"type": kind, "start_frame": a, "end_frame": b} for kind, a, b in parts]
    (tmp_path / "truth" / "cues_a.json").write_text(json.dumps({"file": "a", "segments": segments}))
    found = [("ColorBars", 0, 9), ("ColorBars", 12, 15), ("Content", 21, 39)]
    answered = [
        {
            "Type": "TECHNICAL_CUE",
            "TechnicalCueSegment": {"Type": kind},
            "StartFrameNumber": start,
            "EndFrameNumber": end,
        }
        for kind, start, end in found
    ]
    figures = score_cues(tmp_path, lambda *_: [{"Segments": answered}])["cues a"]
    assert figures == {
        "ColorBars": {"found": "1/1", "errors": [(0, 0)]},
        "Content": {"found": "1/1", "errors": [(1, 0)]},
        "Slate": {"found": "0/1", "errors": []},
        "false": [["ColorBars", 12, 15]],
    }


def test_what_was_not_asked_for_has_no_figures(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "faces.json").write_text('{"boxes": {"a.jpg": []}, "counts": {"a.jpg": 0}}')
    assert score(tmp_path, lambda *_: None, FIGURES) == {}
