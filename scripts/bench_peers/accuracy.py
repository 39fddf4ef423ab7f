"""What is known of accuracy: ours from the table of docs/performance.md, the packages' from `peer_figures.json`."""

import json
from collections.abc import Mapping

from scripts.in_venv import ROOT
from scripts.peer_figures import RECORDED

TABLE = ROOT / "docs" / "performance.md"
FIGURES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "shots": (("hard cuts, F1 at ±1 frame",), ("±1 f1",)),
    "faces": (("face boxes at IoU .4, precision / recall",), ("boxes precision", "boxes recall")),
    "identities": (
        ("identities, rank 1", "identities, true accepts at .001 false ones"),
        ("rank1", "tar@far0.001"),
    ),
    "text": (("words on clips",), ("video_words",)),
    "moderation": (("moderation categories found / false",), ("found", "false_on_harmless")),
    "persons": (
        ("persons, IDF1 / MOTA / HOTA, switches, PETS09-S2L1",),
        tuple(f"vtest_PETS09-S2L1 {name}" for name in ("idf1", "mota", "hota", "switches")),
    ),
}
"""Group -> the rows of the table, and the packages' figures that belong beside them."""
EVERY = " every-frame"
"""What a group's name ends with where the package was shown every frame."""
UNKNOWN = "not scored yet (`scripts/peers_others.py`)"


def shown(group: str) -> tuple[str, str, str]:
    """What is measured, ours, theirs, of a group of `peer_figures.json`; empty where a package has no figures.

    Args:
        group: The group; a word behind a blank names a package that is not the best.
    """
    if not group:
        return "", "", ""
    rows, names = FIGURES[group.partition(" ")[0]]
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["figures"]
    theirs = [
        label + " / ".join(recorded[known][name] for name in names)
        for known, label in ((group, ""), (group + EVERY, "on every frame "))
        if known in recorded
    ]
    return "; ".join(rows), " / ".join(map(ours, rows)), ", ".join(theirs) or UNKNOWN


def ours(row: str) -> str:
    """The figure that the table has in the row of this name.

    Raises:
        LookupError: the table has no such row.
    """
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == row:
            return cells[1]
    raise LookupError(f"{TABLE.name} has no row {row!r}")
