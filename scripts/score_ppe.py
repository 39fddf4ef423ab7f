"""Protective equipment against sentences that say what is worn: types found and falsely found, and how many people were counted."""

import re
from pathlib import Path
from typing import Any

from scripts.metrics import Load, Pages, items, truth

WORDS = {"FACE_COVER": re.compile("face cover"), "HEAD_COVER": re.compile("head cover|hard hat"), "HAND_COVER": None}
"""Type -> what the truth says where it is worn; the truth speaks of no gloves but where it says that there is nothing."""
COUNTED = re.compile(r"(\d+) persons?\b")


def score_ppe(folder: Path, load: Load) -> dict[str, Any]:
    """Per type "recall" and "false" as counts, errors of the count of people, and what was wrong with each file."""
    counts = {kind: [0, 0, 0, 0] for kind in WORDS}
    people: list[int] = []
    wrong: dict[str, list[str]] = {}
    seen = False
    for file, text in (truth(folder, "ppe") or {"items": {}})["items"].items():
        if (pages := load("ppe", file)) is None:
            continue
        seen, worn = True, _worn(pages)
        for kind, expected in _settled(text.lower()).items():
            found = kind in worn
            counts[kind][0 if expected else 2] += found
            counts[kind][1 if expected else 3] += 1
            if found != expected:
                wrong.setdefault(file, []).append(f"{'missed' if expected else 'false'} {kind}")
        if number := COUNTED.match(text):
            people.append(len(items(pages, "Persons")) - int(number[1]))
    if not seen:
        return {}
    rows = {k: {"recall": f"{a}/{b}", "false": f"{c}/{d}"} for k, (a, b, c, d) in counts.items() if b + d}
    return {**rows, "person_count_errors": people, "wrong": wrong}


def _settled(text: str) -> dict[str, bool]:
    """What a sentence says of each type; nothing of those it leaves open, as where it names the equipment of some of several people."""
    if text.startswith("negative"):
        return dict.fromkeys(WORDS, False)
    worn = {kind: bool(words.search(text)) for kind, words in WORDS.items() if words}
    return {kind: there for kind, there in worn.items() if there or text.startswith("1 person")}


def _worn(pages: Pages) -> set[str]:
    """Types that anybody wears."""
    parts = [part for person in items(pages, "Persons") for part in person.get("BodyParts", [])]
    return {item["Type"] for part in parts for item in part.get("EquipmentDetections", [])}
