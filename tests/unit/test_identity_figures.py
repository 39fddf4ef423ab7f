"""The arithmetic behind the figures of identities."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.score_identities import curve, matrix, rank1, score_identities, verification


def test_figures_are_those_of_the_pairs(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    people = {"Ann": ["a1", "a2", "a3"], "Bob": ["b1", "b2"], "Cat": ["c1"]}
    (tmp_path / "truth" / "identities.json").write_text(json.dumps({"single_person_images": people}))
    pairs = [
        ["a1", "a2", 99.0],
        ["a1", "a3", 85],
        ["a2", "a3", 70],
        ["b1", "b2", 60],
        ["b1", "c1", 81],
        ["x", "a1", 100],
    ]
    found = score_identities(tmp_path, lambda *_: [{"pairs": pairs}])
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (4, 11)
    assert found["rank1"] == 4 / 5  # Bob's first photo resembles Cat more
    assert found["at 80"] == {"tar": 0.5, "fnmr": 0.5, "fmr": 1 / 11, "false_matches": 1}
    assert found["at 99"] == {"tar": 0.25, "fnmr": 0.75, "fmr": 0, "false_matches": 0}
    assert found["tar@far0"] == 0.5
    assert (found["lowest_genuine"], found["highest_impostor"]) == (60, 81)
    by_threshold = {row["threshold"]: row for row in curve(tmp_path, lambda *_: [{"pairs": pairs}])}
    assert by_threshold[80] == {"threshold": 80, "tar": 0.5, "fmr": 1 / 11, "false_matches": 1}
    assert by_threshold[85]["tar"] == 0.5
    assert by_threshold[99.5] == {"threshold": 99.5, "tar": 0, "fmr": 0, "false_matches": 0}
    assert score_identities(tmp_path, lambda *_: None) == {}
    assert curve(tmp_path, lambda *_: None) == []


def test_true_accepts_are_counted_above_the_tolerated_false_ones() -> None:
    found = verification(np.array([97.5, 99.5]), np.arange(100.0))
    assert [found[f"tar@far{far}"] for far in ("0.01", "0.001", "0")] == [0.5, 0.5, 0.5]
    assert verification(np.array([98.5]), np.arange(100.0))["tar@far0.01"] == 1


def test_photos_without_a_like_one_have_no_rank() -> None:
    same = np.eye(2, dtype=bool)
    assert rank1(np.zeros((2, 2)), same) == 0
    assert rank1(np.zeros((2, 2)), np.ones((2, 2), bool)) == 0


def test_answers_may_come_as_one_page_or_several() -> None:
    page = {"pairs": [["a", "b", 50.0]]}
    expected = pytest.approx(np.array([[0, 50], [50, 0]]))
    assert matrix(["a", "b"], page) == expected
    assert matrix(["a", "b"], [page, {"pairs": []}]) == expected
