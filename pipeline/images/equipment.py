"""Protective equipment on the body parts of people, as DetectProtectiveEquipment answers it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.aggregate.boxes import bounding_box, percent
from pipeline.detect.types import Faces
from pipeline.images.wearers import REPORTED, Head, Wearer, face_share
from pipeline.media.types import F32

EVEN, STEEPNESS = np.array([0.005, 0.012, 0.03], np.float32), 1.4
"""Shares of helmets, bathing caps and shower caps (`head_covers.KINDS`) that are as good as an even chance, and how fast the odds rise with
them: as their power.
Helmets: from 143 faces of photos without protective equipment and from hard hats painted over 122 of them: bare heads stayed below .003,
half of the hats were above .023 and nineteen in twenty above .004; two helmets of riders had .013 and .024. Caps: from 281 bare heads above
faces in such photos and in frames of clips, berets and bowlers among them, and from cloth caps painted over 108: bare heads stayed below
.006 of bathing caps and .016 of shower caps, five in six of the painted ones were above one of the two values here, half of them above .13
of bathing caps. `scripts/painted_equipment.py` paints and measures anew."""
NOSE = 0.5
"""Of the way from the eyes to the mouth: how high masks reach."""


def cover_share(shares: F32, faced: NDArray[np.bool_]) -> F32:
    """(N,) How sure covers are, 0 to 1, from the shares (N, K) of `head_covers.KINDS` on heads; `faced` (N,): a face is seen below.

    Where none is, only helmets count: the box may show something else, and what does is more often like a cap than like a helmet.
    """
    odds = (np.maximum(shares, 1e-9) / EVEN) ** STEEPNESS
    counted = np.where(faced, odds.sum(axis=1), odds[:, 0])
    sure: F32 = (counted / (1 + counted)).astype(np.float32)
    return sure


def face_part(faces: Faces, row: int, masked: float, covered: float) -> dict[str, Any]:
    """The FACE of somebody, `masked` with this share of certainty, and the nose `covered` by the mask with that one."""
    return _part("FACE", face_share(faces, row), "FACE_COVER", masked, covered, mask_box(faces, row))


def head_part(head: Head, covered: float) -> dict[str, Any]:
    """The HEAD of somebody, `covered` by a helmet or cap with this share of certainty."""
    left, top, width, _ = head.box
    return _part("HEAD", head.share, "HEAD_COVER", covered, covered, (left, top, width, head.brow - top))


def mask_box(faces: Faces, row: int) -> Sequence[float]:
    """Left, top, width, height of the lower face: from below the eyes to the chin."""
    left, top, width, height = map(float, faces.boxes[row])
    eyes, mouth = (float(faces.landmarks[row, spots, 1].mean()) for spots in (slice(0, 2), slice(3, 5)))
    upper = min(max(eyes + NOSE * (mouth - eyes), top), top + height)
    return left, upper, width, top + height - upper


def person(number: int, someone: Wearer, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One of the Persons; parts that are too unsure are left out."""
    return {
        "BodyParts": [part for part in parts if part["Confidence"] >= 100 * REPORTED],
        "BoundingBox": bounding_box(someone.box),
        "Confidence": percent(someone.share),
        "Id": number,
    }


def _part(name: str, share: float, worn: str, sure: float, covers: float, box: Sequence[float]) -> dict[str, Any]:
    found = [_item(worn, sure, covers, box)] if sure >= REPORTED else []
    return {"Name": name, "Confidence": percent(share), "EquipmentDetections": found}


def _item(worn: str, sure: float, covers: float, box: Sequence[float]) -> dict[str, Any]:
    """An item of equipment; `covers`: how sure it is that it covers its part."""
    return {
        "BoundingBox": bounding_box(box),
        "Confidence": percent(sure),
        "Type": worn,
        "CoversBodyPart": {"Confidence": percent(max(covers, 1 - covers)), "Value": covers >= REPORTED},
    }
