"""Who lacks what is required: a table of the rules."""

from typing import Any

import pytest

from pipeline.images.equipment_summary import LISTS, summary, verdict

TYPE_OF = {"FACE": "FACE_COVER", "HEAD": "HEAD_COVER", "LEFT_HAND": "HAND_COVER", "RIGHT_HAND": "HAND_COVER"}


def item(part: str, sure: float = 99.0, covered: float = 99.0, value: bool = True, kind: str = "") -> dict[str, Any]:
    return {
        "Type": kind or TYPE_OF[part],
        "Confidence": sure,
        "BoundingBox": {"Left": 0.1, "Top": 0.1, "Width": 0.1, "Height": 0.1},
        "CoversBodyPart": {"Confidence": covered, "Value": value},
    }


def part(name: str, *worn: dict[str, Any], sure: float = 99.0) -> dict[str, Any]:
    return {"Name": name, "Confidence": sure, "EquipmentDetections": list(worn)}


def someone(*parts: dict[str, Any], sure: float = 99.0, number: int = 0) -> dict[str, Any]:
    return {"Id": number, "Confidence": sure, "BodyParts": list(parts)}


MASKED, BARE = part("FACE", item("FACE")), part("FACE")
LEFT, RIGHT = part("LEFT_HAND", item("LEFT_HAND")), part("RIGHT_HAND", item("RIGHT_HAND"))
FACE, HEAD, HANDS = ["FACE_COVER"], ["HEAD_COVER"], ["HAND_COVER"]


@pytest.mark.parametrize(
    ("person", "required", "expected"),
    [
        pytest.param(someone(MASKED), FACE, "worn", id="mask on the face"),
        pytest.param(someone(BARE), FACE, "missing", id="bare face"),
        pytest.param(someone(part("HEAD")), FACE, "unknown", id="no face in sight"),
        pytest.param(someone(), FACE, "unknown", id="no part in sight"),
        pytest.param(someone(MASKED, sure=70), FACE, "unknown", id="unsure person"),
        pytest.param(someone(BARE, sure=70), FACE, "unknown", id="unsure person without a mask"),
        pytest.param(someone(part("FACE", sure=79)), FACE, "unknown", id="unsure part"),
        pytest.param(someone(part("FACE", item("FACE", sure=79))), FACE, "unknown", id="unsure item"),
        pytest.param(someone(part("FACE", item("FACE", covered=79))), FACE, "unknown", id="unsure whether it covers"),
        pytest.param(someone(part("FACE", item("FACE", value=False))), FACE, "missing", id="mask below the chin"),
        pytest.param(
            someone(part("FACE", item("FACE", value=False, covered=60))), FACE, "unknown", id="perhaps below the chin"
        ),
        pytest.param(
            someone(part("FACE", item("FACE", 80, 80), sure=80), sure=80), FACE, "worn", id="just sure enough"
        ),
        pytest.param(
            someone(part("FACE", item("FACE", sure=60), item("FACE"))), FACE, "worn", id="the surer of two items"
        ),
        pytest.param(
            someone(part("FACE", item("FACE", value=False), item("FACE", sure=60))), FACE, "unknown", id="one may cover"
        ),
        pytest.param(someone(part("FACE", item("HEAD"))), FACE, "missing", id="equipment of another type"),
        pytest.param(someone(MASKED), HEAD, "unknown", id="a mask says nothing of the head"),
        pytest.param(someone(MASKED, part("HEAD")), FACE + HEAD, "missing", id="one of two types"),
        pytest.param(someone(MASKED), FACE + HEAD, "unknown", id="one worn, one not to be told"),
        pytest.param(someone(BARE), FACE + HEAD, "missing", id="missing outweighs unknown"),
        pytest.param(someone(MASKED, part("HEAD", item("HEAD"))), FACE + HEAD, "worn", id="both types"),
        pytest.param(someone(LEFT, RIGHT), HANDS, "worn", id="both hands"),
        pytest.param(someone(LEFT), HANDS, "unknown", id="one hand in sight"),
        pytest.param(someone(LEFT, part("RIGHT_HAND")), HANDS, "missing", id="one hand bare"),
        pytest.param(someone(part("LEFT_HAND")), HANDS, "missing", id="bare hand, the other out of sight"),
        pytest.param(someone(BARE), [], "worn", id="nothing is required"),
        pytest.param(someone(MASKED), FACE + FACE, "worn", id="the same twice"),
    ],
)
def test_rules(person: dict[str, Any], required: list[str], expected: str) -> None:
    assert verdict(person, required, 80.0) == expected


@pytest.mark.parametrize(("least", "expected"), [(0, [0]), (49.9, [0]), (50, [0]), (50.1, [])])
def test_below_50_percent_is_50_percent(least: float, expected: list[int]) -> None:
    persons = [someone(part("FACE", item("FACE", 50, 50), sure=50), sure=50)]
    wanted = {"MinConfidence": least, "RequiredEquipmentTypes": FACE}
    assert summary(persons, wanted)["PersonsWithRequiredEquipment"] == expected


def test_everybody_is_in_exactly_one_list() -> None:
    persons = [someone(MASKED, number=0), someone(BARE, number=1), someone(number=2), someone(MASKED, number=3)]
    found = summary(persons, {"MinConfidence": 80, "RequiredEquipmentTypes": FACE})
    assert found == {
        "PersonsWithRequiredEquipment": [0, 3],
        "PersonsWithoutRequiredEquipment": [1],
        "PersonsIndeterminate": [2],
    }


def test_lists_are_there_when_nobody_is() -> None:
    assert summary([], {"MinConfidence": 80, "RequiredEquipmentTypes": FACE}) == {name: [] for name in LISTS.values()}
