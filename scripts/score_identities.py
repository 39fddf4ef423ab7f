"""Faces of photos compared with one another, against who they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.metrics import Load, truth

THRESHOLDS = (80, 90, 95, 99)
FALSE_ACCEPTS = (0.01, 0.001, 0.0)
CURVE = (*range(0, 95, 10), 75, 85, 95, 97, 98, 99, 99.5, 99.9)
"""Thresholds of the curve."""


def identity_files(folder: Path) -> list[str]:
    """The photos of one known person each."""
    people = (truth(folder, "identities") or {}).get("single_person_images", {})
    return [file for photos in people.values() for file in photos if (folder / file).is_file()]


def score_identities(folder: Path, load: Load) -> dict[str, Any]:
    """Rank 1, true accepts at rates of false accepts, both kinds of errors at thresholds; a pair without answer counts as 0."""
    found = _compared(folder, load)
    if found is None:
        return {}
    values, same = found
    return {"rank1": rank1(values, same)} | verification(*_pairs(values, same))


def curve(folder: Path, load: Load) -> list[dict[str, float]]:
    """Per threshold, rising: share of pairs of one person, and number and share of pairs of two people, that reach it."""
    found = _compared(folder, load)
    if found is None:
        return []
    genuine, impostor = _pairs(*found)
    return [
        {
            "threshold": least,
            "tar": float((genuine >= least).mean()),
            "fmr": float((impostor >= least).mean()),
            "false_matches": int((impostor >= least).sum()),
        }
        for least in sorted(CURVE)
    ]


def _compared(folder: Path, load: Load) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """(n, n) similarities of all photos, and which of them show one person; None: there are no answers."""
    known, pages = truth(folder, "identities"), load("identities", "similarity")
    if not known or not pages:
        return None
    people = known["single_person_images"]
    files = [file for photos in people.values() for file in photos]
    names = np.array([name for name, photos in people.items() for _ in photos])
    return matrix(files, pages), names[:, None] == names[None]


def _pairs(values: NDArray[Any], same: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Similarities of the pairs of one person, and of those of two."""
    upper = np.triu(np.ones(same.shape, bool), 1)
    return values[same & upper], values[~same & upper]


def matrix(files: Sequence[str], pages: Any) -> NDArray[np.float64]:
    """(n, n) similarities; 0 where there is no answer."""
    place = {file: row for row, file in enumerate(files)}
    values = np.zeros((len(files), len(files)))
    for page in pages if isinstance(pages, list) else [pages]:
        for one, other, value in page["pairs"]:
            if one in place and other in place:
                values[place[one], place[other]] = values[place[other], place[one]] = value
    return values


def rank1(values: NDArray[Any], same: NDArray[np.bool_]) -> float:
    """Share of photos, of those who have several, whose likest other photo shows the same person."""
    alone = np.eye(len(same), dtype=bool)
    rows = np.flatnonzero((same & ~alone).any(axis=1))
    best = np.where(alone, -1, values)[rows].argmax(axis=1)
    hits = same[rows, best] & (values[rows, best] > 0)
    return float(hits.mean()) if len(rows) else 0.0


def verification(genuine: NDArray[Any], impostor: NDArray[Any]) -> dict[str, Any]:
    """True accepts by rate of false accepts, and FNMR and FMR by threshold."""
    ranked = np.sort(impostor)[::-1]
    accepts = {f"tar@far{far:g}": float((genuine > ranked[int(far * len(ranked))]).mean()) for far in FALSE_ACCEPTS}
    errors = {
        f"at {least}": {
            "tar": float((genuine >= least).mean()),
            "fnmr": float((genuine < least).mean()),
            "fmr": float((impostor >= least).mean()),
            "false_matches": int((impostor >= least).sum()),
        }
        for least in THRESHOLDS
    }
    ends = {"lowest_genuine": float(genuine.min()), "highest_impostor": float(ranked[0])}
    return {"genuine_pairs": len(genuine), "impostor_pairs": len(impostor)} | accepts | errors | ends
