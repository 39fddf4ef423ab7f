"""The Summary of DetectProtectiveEquipment: who wears all that is required, who does not, and of whom that cannot be told.

Each person is in exactly one of the three lists. For one required type, on the body parts that it is worn on:

- worn: an item of it is on the part and covers it;
- missing: the part is seen without such an item, or the item does not cover it;
- unknown: the part is not seen, or anything of this is less sure than MinConfidence.

A type that needs both hands is missing where one is bare, and worn where both are covered. Somebody lacks the equipment where a type is
missing, and is indeterminate where none is missing but one is unknown, or where the person is less sure than MinConfidence.

Source: Amazon Rekognition API reference, ProtectiveEquipmentSummarizationAttributes, for what MinConfidence applies to and for 50
percent as its least value. Amazon does not say what makes a person indeterminate; the rules above are ours.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

Verdict = Literal["worn", "missing", "unknown"]

LEAST = 50.0
"""Percent below which nothing is reported."""
WORN_ON: Mapping[str, tuple[str, ...]] = {
    "FACE_COVER": ("FACE",),
    "HEAD_COVER": ("HEAD",),
    "HAND_COVER": ("LEFT_HAND", "RIGHT_HAND"),
}
"""Type of equipment -> body parts that it is worn on."""
LISTS: Mapping[Verdict, str] = {
    "worn": "PersonsWithRequiredEquipment",
    "missing": "PersonsWithoutRequiredEquipment",
    "unknown": "PersonsIndeterminate",
}


def summary(persons: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]) -> dict[str, list[int]]:
    """The Summary for these Persons and SummarizationAttributes."""
    least = max(LEAST, float(wanted["MinConfidence"]))
    lists: dict[str, list[int]] = {name: [] for name in LISTS.values()}
    for person in persons:
        lists[LISTS[verdict(person, wanted["RequiredEquipmentTypes"], least)]].append(person["Id"])
    return lists


def verdict(person: Mapping[str, Any], types: Iterable[str], least: float) -> Verdict:
    """Whether a person wears everything of the required types; `least` is in percent."""
    if person["Confidence"] < least:
        return "unknown"
    parts = {part["Name"]: part for part in person["BodyParts"]}
    found = {_of_part(parts.get(name), each, least) for each in types for name in WORN_ON[each]}
    return _worst(found)


def _of_part(part: Mapping[str, Any] | None, wanted: str, least: float) -> Verdict:
    if part is None or part["Confidence"] < least:
        return "unknown"
    found = {_of_item(item, least) for item in part["EquipmentDetections"] if item["Type"] == wanted}
    return "worn" if "worn" in found else "unknown" if "unknown" in found else "missing"


def _of_item(item: Mapping[str, Any], least: float) -> Verdict:
    covers = item["CoversBodyPart"]
    if item["Confidence"] < least or covers["Confidence"] < least:
        return "unknown"
    return "worn" if covers["Value"] else "missing"


def _worst(verdicts: Collection[Verdict]) -> Verdict:
    return "missing" if "missing" in verdicts else "unknown" if "unknown" in verdicts else "worn"
