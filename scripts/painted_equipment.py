#!/usr/bin/env python3
"""How surely protective equipment is told from none, on photos of people without any.

    scripts/painted_equipment.py FOLDER [--seed N]

Masks, hard hats and the cloth caps of clinics, gathered and close, are painted in the usual colours over the faces of the photos in FOLDER
(which must show none), and the networks asked about the faces and heads as they are and as they are painted. `EVEN` and `STEEPNESS` of
pipeline/images/equipment.py come from such runs. What is painted is easier than what is worn: shares of what was found are upper bounds.
"""

import in_venv

in_venv.enter()

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline import logs
from pipeline.detect import face_covers, head_covers
from pipeline.detect.boxes import picture_size
from pipeline.detect.face_covers import FaceCoverJudge
from pipeline.detect.head_covers import HeadCoverJudge
from pipeline.detect.types import Faces
from pipeline.images.decode import frame_of
from pipeline.images.equipment import cover_share
from pipeline.images.faces import found, rows_of
from pipeline.images.people import PICTURES
from pipeline.images.wearers import Head, Wearer, face_share, head
from pipeline.media.types import F32, U8
from pipeline.models.types import Models
from scripts import pulled
from scripts.paint_on_faces import CAPS, HATS, MASKS, capped_head, hatted_head, masked_face

ROWS = (
    "mask: bare",
    "mask: painted",
    "head cover: bare",
    "hard hat: painted",
    "gathered cap: painted",
    "close cap: painted",
)
CLEAR, LEAST_SIDE, FRONTAL = 0.85, 28, 40
"""Least score, pixels of width and at most degrees of yaw of a face that is painted."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of colours and light")
    arguments = parser.parse_args()
    logs.configure("WARNING", "console")
    photos = sorted(path for path in arguments.folder.rglob("*") if path.suffix.casefold() in PICTURES)
    if not photos:
        parser.error(f"{arguments.folder} has no photos")
    table = np.array(list(measured(photos, pulled.defaults(), np.random.default_rng(arguments.seed))))
    if not len(table):
        parser.error(f"{arguments.folder} shows no faces that are large and frontal enough")
    print(f"{len(table)} faces; percentiles of certainty           5    25    50    75    95  at 50 percent")
    for name, values in zip(ROWS, table.T, strict=True):
        shares = " ".join(f"{100 * value:5.1f}" for value in np.percentile(values, [5, 25, 50, 75, 95]))
        print(f"{name:45} {shares}  {(values >= 0.5).sum()}/{len(values)}")


def measured(photos: list[Path], models: Models, random: np.random.Generator) -> Iterator[tuple[float, ...]]:
    """Per face how sure what `ROWS` names is."""
    masks, covers = FaceCoverJudge(models.load(face_covers.MODEL)), head_covers.load(models)
    for photo in photos:
        frame = frame_of(photo.read_bytes(), photo.name)
        picture = frame.rgb(*picture_size(frame))
        faces = found(models, frame)
        for row in np.flatnonzero(suitable(faces, picture)):
            face = rows_of(faces, np.array([row]))
            its = head(Wearer(face.boxes[0], face_share(face, 0), 0), face, frame.aspect)
            assert its is not None
            masked = masked_face(picture, face, one_of(MASKS, random))
            covered = [float(masks.judged(each, face.boxes)[0]) for each in (picture, masked)]
            yield (*covered, *sure_covers(covers, picture, face, its, random))


def sure_covers(
    covers: HeadCoverJudge, picture: U8, face: Faces, its: Head, random: np.random.Generator
) -> list[float]:
    """How sure a cover is on a head as it is, in a hard hat, in a gathered and in a close cap."""
    hatted = hatted_head(picture, face, one_of(HATS, random), random)
    capped = [capped_head(picture, face, one_of(CAPS, random), random, gathered) for gathered in (True, False)]
    shares = [covers.judged(each, its.box[None]) for each in (picture, hatted, *capped)]
    return [float(share) for share in cover_share(np.concatenate(shares), np.ones(len(shares), bool))]


def one_of(colours: F32, random: np.random.Generator) -> F32:
    """(3,) any of the colours."""
    colour: F32 = colours[random.integers(len(colours))]
    return colour


def suitable(faces: Faces, picture: U8) -> F32:
    """(N,) whether each face is clear, large, frontal and not cut off above."""
    large = faces.boxes[:, 2] * picture.shape[1] >= LEAST_SIDE
    whole = faces.boxes[:, 1] >= 0.25 * faces.boxes[:, 3]
    return (faces.scores >= CLEAR) & large & whole & (np.abs(faces.pose[:, 1]) <= FRONTAL)


if __name__ == "__main__":
    main()
