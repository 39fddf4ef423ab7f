"""The figures of protective equipment, on answers whose figures are known."""

import json
from pathlib import Path
from typing import Any

from scripts.score_ppe import score_ppe

SENTENCES = {
    "a.jpg": "1 person: hard hat, bare face",
    "b.jpg": "3 persons: face covers on all, two head covers",
    "c.jpg": "negative: 1 person, nothing is worn",
    "d.jpg": "several persons, one with a face cover",
    "e.jpg": "1 person: face cover",
}


def answer(people: int, *types: str) -> list[dict[str, Any]]:
    """A page on people of whom the first wears these types."""
    parts = [{"Name": "FACE", "EquipmentDetections": [{"Type": kind} for kind in types]}]
    return [{"Persons": [{"Id": n, "BodyParts": parts if n == 0 else []} for n in range(people)]}]


def figures(tmp_path: Path, answers: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    (tmp_path / "truth").mkdir(exist_ok=True)
    (tmp_path / "truth" / "ppe.json").write_text(json.dumps({"items": SENTENCES}))
    return score_ppe(tmp_path, lambda analysis, file: answers.get(file) if analysis == "ppe" else None)


def test_what_sentences_settle_is_counted(tmp_path: Path) -> None:
    answers = {
        "a.jpg": answer(2, "HEAD_COVER", "FACE_COVER"),
        "b.jpg": answer(3, "FACE_COVER", "HAND_COVER"),
        "c.jpg": answer(1, "HAND_COVER"),
        "d.jpg": answer(9),
    }
    found = figures(tmp_path, answers)
    assert found["FACE_COVER"] == {"recall": "1/2", "false": "1/2"}
    assert found["HEAD_COVER"] == {"recall": "1/2", "false": "0/1"}
    assert found["HAND_COVER"] == {"recall": "0/0", "false": "1/1"}
    assert found["person_count_errors"] == [1, 0]
    assert found["wrong"] == {
        "a.jpg": ["false FACE_COVER"],
        "b.jpg": ["missed HEAD_COVER"],
        "c.jpg": ["false HAND_COVER"],
        "d.jpg": ["missed FACE_COVER"],
    }


def test_without_answers_or_truth_there_are_no_figures(tmp_path: Path) -> None:
    assert figures(tmp_path, {}) == {}
    assert score_ppe(tmp_path / "nowhere", lambda *_: answer(1)) == {}
