"""Embeddings of faces with SFace: vectors whose cosine tells whether two faces are one person's.

A face's landmarks are found again before it is aligned, and it is embedded as it is and mirrored: the mean of the two vectors makes up for
a part of what pose and light do to each.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", IEEE TIP 2021; alignment and the range of
the pixels as in OpenCV's FaceRecognizerSF.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detect.alignment import aligned
from pipeline.detect.boxes import picture_size
from pipeline.detect.faces import MODEL as FINDER
from pipeline.detect.landmarks import LandmarkFinder
from pipeline.detect.types import Embeddings, Faces, Joined
from pipeline.media.types import F32, U8, Frame
from pipeline.models.types import Models, Session

MODEL = "face-sface"
MODELS = (FINDER, MODEL)
LENGTH = 128
CROPS = 8
LEAST_SPREAD, FULL_SPREAD = 3.0, 21.0
FULL_SHARPNESS = 50.0


@dataclass(frozen=True, slots=True)
class FaceEmbedder:
    """Embeddings of the faces that another detector has found.

    Attributes:
        session: The model.
        finder: Makes the faces' landmarks more exact.
        batch: Frames per call of `detect`, at most.
        crops: Faces per call of the model, at most; each counts twice.
    """

    session: Session
    finder: LandmarkFinder
    batch: int = 4
    crops: int = CROPS

    def prepare(self, frame: Frame) -> U8:
        """The picture that faces are cut out of."""
        return frame.rgb(*picture_size(frame))

    def detect(self, prepared: Sequence[Joined]) -> Sequence[Embeddings]:
        """One answer per frame; what was found in each are its `Faces`."""
        return self.embedded([(frame.prepared, frame.found) for frame in prepared])

    def embedded(self, pictures: Sequence[tuple[U8, Faces]]) -> list[Embeddings]:
        """Embeddings of the faces of pictures (H, W, 3) of RGB, one answer per picture; pixels must be square as seen."""
        trusted = [trust(picture, faces) for picture, faces in pictures]
        crops = [
            aligned(picture, self.finder.found(picture, in_pixels(picture, faces)[known > 0]))
            for (picture, faces), known in zip(pictures, trusted, strict=True)
        ]
        rows = np.split(self._vectors(np.concatenate(crops)), np.cumsum([len(part) for part in crops])[:-1])
        return [_answer(*parts) for parts in zip(rows, trusted, strict=True)]

    def _vectors(self, crops: U8) -> F32:
        """(N, 128) rows of length 1 of aligned faces (N, 112, 112, 3)."""
        parts = [crops[start : start + self.crops] for start in range(0, len(crops), self.crops)]
        sums = [self._run(part) + self._run(part[:, :, ::-1]) for part in parts]
        return normalised(np.concatenate([np.zeros((0, LENGTH), np.float32), *sums]))

    def _run(self, crops: U8) -> F32:
        planes = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32)
        return normalised(self.session.run({"data": planes})[0])


def embedder(models: Models) -> FaceEmbedder:
    """The embedder of faces; needs `MODELS`."""
    return FaceEmbedder(models.load(MODEL), LandmarkFinder(models.load(FINDER)))


def in_pixels(picture: U8, faces: Faces) -> F32:
    """(N, 5, 2) landmarks in pixels of the picture (H, W, 3), the centre of its first at 0, 0."""
    spots: F32 = faces.landmarks * np.array([picture.shape[1], picture.shape[0]], np.float32) - 0.5
    return spots


def trust(picture: U8, faces: Faces) -> F32:
    """(N,) 0 to 1: how far the faces' embeddings can be trusted, by size, sharpness and pose; 0 for those too small for any."""
    spots = in_pixels(picture, faces)
    # The mean distance from the middle is less misled by turned heads than that of the eyes.
    spread = np.linalg.norm(spots - spots.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    size = np.clip(spread / FULL_SPREAD, 0, 1)
    sharpness = np.clip(faces.quality[:, 1] / FULL_SHARPNESS, 0.1, 1)
    frontal = np.clip(np.cos(np.radians(faces.pose[:, 1:])), 0.1, 1).prod(axis=1)
    share: F32 = np.where(spread >= LEAST_SPREAD, size * sharpness * frontal, 0).astype(np.float32)
    return share


def _answer(rows: F32, trusted: F32) -> Embeddings:
    """The rows at the places of those faces that are trusted at all."""
    vectors = np.zeros((len(trusted), LENGTH), np.float32)
    vectors[trusted > 0] = rows
    return Embeddings(vectors, trusted)


def normalised(vectors: F32) -> F32:
    """The rows (N, D) at length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: F32 = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return rows
