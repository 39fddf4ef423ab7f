"""Protective equipment on the body parts of people, as DetectProtectiveEquipment answers it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.aggregate.boxes import bounding_box, percent
from pipeline.detect.types import Faces
from pipeline.images.wearers import REPORTED, Head, Wearer, face_share
from pipeline.media.types import F32

HELMET, STEEPNESS = 0.005, 1.4
"""Share of helmets (`HelmetJudge`) that is as good as an even chance, and how fast the odds rise with it: as its power.
From 143 faces of photos without protective equipment and from hard hats painted over 122 of them: bare heads stayed below .003, half of
the hats were above .023 and nineteen in twenty above .004; two helmets of riders had .013 and .024. `scripts/painted_equipment.py` paints
and measures anew."""
NOSE = 0.5
"""Of the way from the eyes to the mouth: how high masks reach."""


def helmet_share(shares: F32) -> F32:
    """(N,) How sure helmets are, 0 to 1, from the shares of helmets on heads (N,)."""
    odds = (np.maximum(shares, 1e-9) / HELMET) ** STEEPNESS
    sure: F32 = (odds / (1 + odds)).astype(np.float32)
    return sure


def face_part(faces: Faces, row: int, masked: float, covered: float) -> dict[str, Any]:
    """The FACE of somebody, `masked` with this share of certainty, and the nose `covered` by the mask with that one."""
    return _part("FACE", face_share(faces, row), "FACE_COVER", masked, covered, mask_box(faces, row))


def head_part(head: Head, helmeted: float) -> dict[str, Any]:
    """The HEAD of somebody, with a helmet with this share of certainty."""
    left, top, width, _ = head.box
    return _part("HEAD", head.share, "HEAD_COVER", helmeted, helmeted, (left, top, width, head.brow - top))


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
