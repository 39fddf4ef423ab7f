#!/usr/bin/env python3
"""How surely protective equipment is told from none, on photos of people without any.

    scripts/painted_equipment.py FOLDER [--seed N]

Masks and hard hats in the usual colours are painted over the faces of the photos in FOLDER (which must show none), and the networks asked
about the faces and heads as they are and as they are painted. `HELMET` and `STEEPNESS` of pipeline/images/equipment.py come from such
runs. What is painted is easier than what is worn: shares of what was found are upper bounds.
"""

import in_venv

in_venv.enter()

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from pipeline import logs
from pipeline.detect import face_covers, helmets
from pipeline.detect.boxes import picture_size
from pipeline.detect.face_covers import FaceCoverJudge
from pipeline.detect.types import Faces
from pipeline.images.decode import frame_of
from pipeline.images.equipment import helmet_share
from pipeline.images.faces import found, rows_of
from pipeline.images.people import PICTURES
from pipeline.images.wearers import Wearer, face_share, head
from pipeline.media.types import F32, U8
from pipeline.models.types import Models
from scripts import pulled

MASKS = np.array([(125, 180, 210), (230, 230, 228), (30, 30, 34), (120, 40, 50), (40, 60, 120), (150, 200, 190)])
HATS = np.array([(240, 200, 20), (245, 245, 240), (230, 110, 20), (40, 90, 190), (200, 30, 30), (40, 140, 60)])
"""RGB."""
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
    for name, values in zip(
        ("mask: bare", "mask: painted", "hard hat: bare", "hard hat: painted"), table.T, strict=True
    ):
        shares = " ".join(f"{100 * value:5.1f}" for value in np.percentile(values, [5, 25, 50, 75, 95]))
        print(f"{name:45} {shares}  {(values >= 0.5).sum()}/{len(values)}")


def measured(photos: list[Path], models: Models, random: np.random.Generator) -> Iterator[tuple[float, ...]]:
    """Per face how sure a mask is without and with one, and a helmet without and with one."""
    masks, hats = FaceCoverJudge(models.load(face_covers.MODEL)), helmets.load(models)
    for photo in photos:
        frame = frame_of(photo.read_bytes(), photo.name)
        picture = frame.rgb(*picture_size(frame))
        faces = found(models, frame)
        for row in np.flatnonzero(suitable(faces, picture)):
            face = rows_of(faces, np.array([row]))
            its = head(Wearer(face.boxes[0], face_share(face, 0), 0), face, frame.aspect)
            assert its is not None
            masked, hatted = (
                masked_face(picture, face, MASKS[random.integers(len(MASKS))]),
                hatted_head(picture, face, HATS[random.integers(len(HATS))], random),
            )
            covered = [float(masks.judged(each, face.boxes)[0]) for each in (picture, masked)]
            shares = np.array([float(hats.judged(each, its.box[None])[0]) for each in (picture, hatted)], np.float32)
            yield (*covered, *map(float, helmet_share(shares)))


def suitable(faces: Faces, picture: U8) -> F32:
    """(N,) whether each face is clear, large, frontal and not cut off above."""
    large = faces.boxes[:, 2] * picture.shape[1] >= LEAST_SIDE
    whole = faces.boxes[:, 1] >= 0.25 * faces.boxes[:, 3]
    return (faces.scores >= CLEAR) & large & whole & (np.abs(faces.pose[:, 1]) <= FRONTAL)


def masked_face(picture: U8, face: Faces, colour: F32) -> U8:
    """The picture with a mask from the middle of the nose to the chin, shaded towards the ears, with three folds."""
    across, along = placed(picture, face)
    width = np.where(along > 1, np.sqrt(np.clip(1 - ((along - 1) / 0.95) ** 2, 0, 1)), 1 - 0.25 * (1 - along))
    inside = (np.abs(across) <= 1.25 * width) & (along >= 0.35 + 0.25 * np.abs(across)) & (along <= 1.95)
    folds = 1 - 0.1 * np.clip(np.cos(along * 2 * np.pi * 2), 0, 1) ** 6
    return blended(picture, inside, colour * (folds * (1 - 0.2 * across**2))[..., None])


def hatted_head(picture: U8, face: Faces, colour: F32, random: np.random.Generator) -> U8:
    """The picture with a dome over the forehead, lit from above and from a random side, with three ridges and a brim."""
    across, along = placed(picture, face)
    across, up = across / random.uniform(1.35, 1.5), (-0.4 - along) / random.uniform(1.4, 1.7)
    dome, brim = (across**2 + up**2 < 1) & (up > 0), (across / 1.15) ** 2 + (up / 0.16) ** 2 < 1
    towards = np.sqrt(np.clip(1 - across**2 - up**2, 0, 1))
    light = np.array([random.uniform(-0.5, 0.5), 0.7, 0.6])
    lit = np.clip((np.stack([across, up, towards], -1) @ light) / np.linalg.norm(light), 0, 1)
    ridges = sum(np.exp(-(((across - place * (1 - 0.3 * up)) / 0.03) ** 2)) for place in (-0.25, 0, 0.25))
    shade = np.where(brim, 0.6, 0.35 + 0.65 * lit - 0.12 * ridges)
    return blended(picture, dome | brim, colour * shade[..., None] + 130 * (lit**30)[..., None] * ~brim[..., None])


def placed(picture: U8, face: Faces) -> tuple[F32, F32]:
    """Of every pixel: across the face (eyes at -1 and 1, about) and along it (0 at the eyes, 1 at the mouth)."""
    height, width = picture.shape[:2]
    spots = face.landmarks[0] * np.array([width, height], np.float32)
    eyes, mouth = spots[:2].mean(axis=0), spots[3:].mean(axis=0)
    down, half = mouth - eyes, float(face.boxes[0, 2]) * width / 2.6
    length = float(np.linalg.norm(down))
    rows, columns = np.mgrid[:height, :width]
    x, y = columns - eyes[0], rows - eyes[1]
    return (x * down[1] - y * down[0]) / length / half, (x * down[0] + y * down[1]) / length**2


def blended(picture: U8, inside: F32, colours: F32) -> U8:
    """The picture with colours (H, W, 3) where it is `inside`, its edges softened, as bright as the picture is there."""
    bright = np.clip(picture[inside].mean() / 130, 0.5, 1.2) if inside.any() else 1.0
    alpha = gaussian_filter(inside.astype(np.float32), 0.8)[..., None]
    return np.clip(picture * (1 - alpha) + colours * bright * alpha, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
