"""Embeddings of faces with SFace: vectors whose cosine tells whether two faces are one person's.

A face's landmarks are found again before it is aligned, and it is embedded as it is and mirrored: the mean of the two vectors makes up for
a part of what pose and light do to each.

The length of a vector before it is brought to 1 tells how much of a face the network has recognised: faces that were blurred to 4, 6, 8, 12
and 24 pixels in width come to 4, 6, 8, 9 and 10, and resemble themselves by cosines of .1, .1, .2, .4 and .8; clear ones come to 12.

Source: Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", IEEE TIP 2021; alignment and the range of
the pixels as in OpenCV's FaceRecognizerSF; Meng et al., "MagFace: A Universal Representation for Face Recognition and Quality Assessment",
CVPR 2021, for the length as a measure of quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
LEAST_LENGTH, FULL_LENGTH = 7.0, 12.0


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
        vectors, lengths = self._vectors(np.concatenate(crops))
        ends = np.cumsum([len(part) for part in crops])[:-1]
        parts = zip(trusted, np.split(vectors, ends), np.split(lengths, ends), strict=True)
        return [_answer(known > 0, *rows) for known, *rows in parts]

    def _vectors(self, crops: U8) -> tuple[F32, F32]:
        """(N, 128) rows of length 1, and (N,) mean lengths of the network's vectors, of aligned faces (N, 112, 112, 3)."""
        plain, mirrored = self._run(crops), self._run(crops[:, :, ::-1])
        lengths: F32 = np.mean([np.linalg.norm(plain, axis=1), np.linalg.norm(mirrored, axis=1)], axis=0)
        return normalised(normalised(plain) + normalised(mirrored)), lengths

    def _run(self, crops: U8) -> F32:
        planes = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32)
        starts = range(0, len(planes), self.crops)
        parts = [self.session.run({"data": planes[start : start + self.crops]})[0] for start in starts]
        return np.concatenate([np.zeros((0, LENGTH), np.float32), *parts])


def embedder(models: Models) -> FaceEmbedder:
    """The embedder of faces; needs `MODELS`."""
    return FaceEmbedder(models.load(MODEL), LandmarkFinder(models.load(FINDER)))


def in_pixels(picture: U8, faces: Faces) -> F32:
    """(N, 5, 2) landmarks in pixels of the picture (H, W, 3), the centre of its first at 0, 0."""
    spots: F32 = faces.landmarks * np.array([picture.shape[1], picture.shape[0]], np.float32) - 0.5
    return spots


def trust(picture: U8, faces: Faces) -> F32:
    """(N,) 0 to 1: how far embeddings of the faces could be trusted, by size, sharpness and pose; 0 for those too small for any."""
    spots = in_pixels(picture, faces)
    # The mean distance from the middle is less misled by turned heads than that of the eyes.
    spread = np.linalg.norm(spots - spots.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    size = np.clip(spread / FULL_SPREAD, 0, 1)
    sharpness = np.clip(faces.quality[:, 1] / FULL_SHARPNESS, 0.1, 1)
    frontal = np.clip(np.cos(np.radians(faces.pose[:, 1:])), 0.1, 1).prod(axis=1)
    share: F32 = np.where(spread >= LEAST_SPREAD, size * sharpness * frontal, 0).astype(np.float32)
    return share


def _answer(known: NDArray[np.bool_], rows: F32, lengths: F32) -> Embeddings:
    """The rows at the places of those faces that have an embedding."""
    vectors, quality = np.zeros((len(known), LENGTH), np.float32), np.zeros(len(known), np.float32)
    vectors[known] = rows
    quality[known] = np.clip((lengths - LEAST_LENGTH) / (FULL_LENGTH - LEAST_LENGTH), 0, 1)
    return Embeddings(vectors, quality)


def normalised(vectors: F32) -> F32:
    """The rows (N, D) at length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: F32 = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return rows
