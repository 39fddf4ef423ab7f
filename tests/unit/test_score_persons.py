"""The figures of tracking, on tracks whose figures are known."""

from typing import Any

import pytest

from scripts.score_persons import sampling_grid, track_figures

RATE, SIZE = 10.0, 100


def known(*tracks: tuple[int, int, float], frames: int = 10) -> dict[str, Any]:
    """Truth of people who stand still: (first frame, end, left in pixels)."""
    boxes = {
        str(frame + 1): [
            {"id": who, "left": left, "top": 10.0, "width": 20.0, "height": 40.0}
            for who, (begin, end, left) in enumerate(tracks)
            if begin <= frame < end
        ]
        for frame in range(frames)
    }
    return {"frames": frames, "boxes": boxes}


def answer(*tracks: tuple[int, int, int, float], step: int = 1) -> list[dict[str, Any]]:
    """Pages with people who stand still: (index, first frame, end, left in pixels)."""
    items = [
        {
            "Timestamp": int(frame * 1000 / RATE),
            "Person": {"Index": who, "BoundingBox": {"Left": left / SIZE, "Top": 0.1, "Width": 0.2, "Height": 0.4}},
        }
        for who, begin, end, left in tracks
        for frame in range(begin, end, step)
    ]
    return [{"VideoMetadata": {"FrameRate": RATE, "FrameWidth": SIZE, "FrameHeight": SIZE}, "Persons": items}]


def test_the_truth_itself_is_perfect() -> None:
    found = track_figures(known((0, 10, 10.0), (2, 8, 60.0)), answer((5, 0, 10, 10.0), (7, 2, 8, 60.0)))
    assert found == {
        "mota": 1.0,
        "idf1": 1.0,
        "hota": pytest.approx(1.0),
        "switches": 0,
        "recall": 1.0,
        "precision": 1.0,
        "frames": 10,
    }


def test_a_switch_costs_identity_and_one_error() -> None:
    found = track_figures(known((0, 10, 10.0)), answer((0, 0, 5, 10.0), (1, 5, 10, 10.0)))
    assert found["switches"] == 1
    assert found["mota"] == pytest.approx(0.9)
    assert found["idf1"] == pytest.approx(0.5)
    assert found["hota"] == pytest.approx(0.5**0.5)


def test_what_is_missed_or_invented_counts() -> None:
    found = track_figures(known((0, 10, 10.0), (0, 10, 60.0)), answer((0, 0, 10, 10.0), (1, 0, 5, 80.0)))
    assert found["recall"] == pytest.approx(0.5)
    assert found["precision"] == pytest.approx(10 / 15)
    assert found["mota"] == pytest.approx(1 - 15 / 20)


def test_only_the_frames_that_were_looked_at_count() -> None:
    pages = answer((0, 0, 10, 10.0), step=2)
    assert track_figures(known((0, 10, 10.0)), pages)["recall"] == 1.0
    assert track_figures(known((0, 10, 10.0)), [{**pages[0], "SampledFrames": list(range(10))}])["recall"] == 0.5


def test_frames_with_nobody_belong_to_the_grid() -> None:
    assert sampling_grid([4, 6, 12], 15) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert sampling_grid([3], 15) == [3]
    assert sampling_grid([], 15) == []


def test_an_empty_answer_scores_nothing() -> None:
    found = track_figures(known((0, 10, 10.0)), [{**answer()[0], "SampledFrames": list(range(10))}])
    assert (found["recall"], found["idf1"], found["hota"], found["mota"]) == (0.0, 0.0, 0.0, 0.0)
