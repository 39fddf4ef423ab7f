"""Whose face is whose: faces matched to the people of a frame."""

import numpy as np

from pipeline.aggregate.tracklets import best_pairs
from pipeline.detect.boxes import areas, corners_of, intersections
from pipeline.detect.types import Faces
from pipeline.media.types import F32

INSIDE = 0.7
"""Least share of a face that lies in the person's box."""
HAIR = 0.25
"""Of a face's height: how far hair and hat reach above the face's box."""
ASIDE = 0.5
"""How far a head may be from where it is expected, as a share of the person's width plus that of their height."""


def heads(faces: Faces, people: F32) -> list[tuple[int, int]]:
    """(face, person) of the faces that belong to people (N, 4) ratios; each at most once."""
    if not len(faces.scores) or not len(people):
        return []
    found, bodies = corners_of(faces.boxes), corners_of(people)
    inside = intersections(found, bodies) / np.maximum(areas(found), 1e-9)[:, None]
    middle = np.abs(found[:, None, [0, 2]].mean(axis=2) - bodies[None, :, [0, 2]].mean(axis=2)) / people[None, :, 2]
    above = found[:, 1] - HAIR * faces.boxes[:, 3]
    top = np.abs(above[:, None] - bodies[None, :, 1]) / people[None, :, 3]
    fit = ASIDE - middle - top
    return [(int(face), int(row)) for face, row in best_pairs(np.where(inside >= INSIDE, fit, -np.inf))]
