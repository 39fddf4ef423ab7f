"""Known faces in memory: an exact gallery, and galleries that hold one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.aggregate.types import Gallery, Match
from pipeline.detect import faces
from pipeline.detect.boxes import picture_size
from pipeline.detect.embeddings import embedder
from pipeline.media.types import F32
from pipeline.models.types import Models
from tests.support.stills import still


@dataclass(frozen=True, slots=True)
class ExactGallery:
    """Faces and what is known of them.

    Attributes:
        vectors: (N, D) rows of length 1.
        known: What a match says, row by row.
    """

    vectors: F32
    known: Sequence[Mapping[str, Any]]

    def search(self, vectors: F32, least: float, limit: int) -> Sequence[Sequence[Match]]:
        answers = []
        for cosines in vectors @ self.vectors.T:
            order = np.argsort(-cosines, kind="stable")[:limit]
            answers.append([Match(float(cosines[row]), self.known[row]) for row in order if cosines[row] >= least])
        return answers


@dataclass(frozen=True, slots=True)
class OneGallery:
    """Galleries of which every one is the same."""

    gallery: Gallery

    def collection(self, name: str) -> Gallery:
        assert name
        return self.gallery

    def celebrities(self) -> Gallery | None:
        return self.gallery


def embedded_photo(photo: Path, models: Models) -> F32:
    """(D,) the embedding of the largest face in a picture file."""
    frame, detector = still(photo), faces.FaceDetector(models.load(faces.MODEL))
    (found,) = detector.detect([detector.prepare(frame)])
    (embeddings,) = embedder(models).embedded([(frame.rgb(*picture_size(frame)), found)])
    assert embeddings.quality[0] > 0
    vector: F32 = embeddings.vectors[0]
    return vector


def gallery_of(photos: Mapping[Path, Mapping[str, Any]], models: Models) -> ExactGallery:
    """A gallery of the largest face in each picture file, and what is known of it."""
    return ExactGallery(np.stack([embedded_photo(photo, models) for photo in photos]), list(photos.values()))
