"""Categories of content moderation against pictures of which they are known."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.metrics import Load, items, truth

NAMES: Mapping[str, frozenset[str]] = {
    "weapons": frozenset({"Weapons", "Weapon Violence"}),
    "swimwear": frozenset({"Swimwear or Underwear", "Female Swimwear or Underwear", "Male Swimwear or Underwear"}),
    "alcohol": frozenset({"Alcohol", "Alcoholic Beverages", "Alcohol Use", "Drinking"}),
}
"""First word of the truth's category -> labels that satisfy it."""


def score_moderation(folder: Path, load: Load) -> dict[str, Any]:
    """Pictures whose category was found, and harmless ones that were given any."""
    found = expected = false = harmless = 0
    wrong = {}
    for file, entry in (truth(folder, "moderation") or {"items": {}})["items"].items():
        if (pages := load("moderation", file)) is None:
            continue
        names = {item.get("ModerationLabel", item)["Name"] for item in items(pages, "ModerationLabels")}
        wanted = NAMES.get(re.findall(r"\w+", entry["category"].lower())[0], frozenset())
        right = bool(names & wanted) if wanted else not names
        found, expected = found + (right and bool(wanted)), expected + bool(wanted)
        false, harmless = false + (not right and not wanted), harmless + (not wanted)
        wrong.update({} if right else {file: sorted(names)})
    if not expected + harmless:
        return {}
    return {"found": f"{found}/{expected}", "false_on_harmless": f"{false}/{harmless}", "wrong": wrong}
