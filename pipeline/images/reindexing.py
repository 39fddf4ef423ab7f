"""Faces of a collection embedded anew from their photos: each face is found again by its photo and its place there."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.aggregate.faces import face_detail
from pipeline.errors import ModelError, RequestError
from pipeline.images.decode import frame_of
from pipeline.images.enrolling import LOOK_UP, PHOTOS, SECONDS
from pipeline.images.enrolment import digest_of
from pipeline.images.face_quality import flaws
from pipeline.images.faces import embedded, found, rows_of, trusted
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.store import collections, faces, renewal, user_vectors
from pipeline.store.collections import FACE_MODEL_VERSION, Collection
from pipeline.store.engine import reading, writing
from pipeline.store.faces import SAME_FACE, Face, Image, overlap


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of a photo.

    Attributes:
        path: Which one.
        vectors: Position of a face -> its new embedding.
        reason: Why faces of the collection were not found in it.
    """

    path: Path
    vectors: dict[int, bytes] = field(default_factory=dict)
    reason: str | None = None


def renewed(services: Services, models: Models, collection: Collection, photos: Sequence[Path]) -> Iterator[Renewed]:
    """What came of each photo, once that is kept; photos of which the collection has no faces, or none without a new embedding, give none.

    Raises:
        ModelError: a model cannot be used.
    """
    for start in range(0, len(photos), LOOK_UP):
        part = photos[start : start + LOOK_UP]
        wanted = _wanted(services, collection, part)
        yield from (Renewed(path) for path in part if path not in wanted)
        yield from _kept(services, collection, (_tried(models, path, known) for path, known in wanted.items()))


def renew_users(services: Services, account: str, name: str) -> None:
    """Makes the vectors of users of a collection whose faces were embedded anew; harmless to repeat."""
    while True:
        with writing(services.engine) as connection:
            now = collections.find(connection, account, name, lock=True)
            if now is None or not user_vectors.renew_some(connection, now):
                return


def _wanted(services: Services, collection: Collection, photos: Sequence[Path]) -> dict[Path, list[Face]]:
    """The photos that show faces for which no new embedding waits."""
    images: dict[Path, str] = {}
    for path in photos:
        try:
            images[path] = faces.image_id(collection, Image(digest_of(path)))
        except OSError:  # its faces will be missing
            continue
    with reading(services.engine) as connection:
        known = renewal.waiting(connection, collection, images.values())
    return {path: own for path, image in images.items() if (own := [face for face in known if face.image_id == image])}


def _kept(services: Services, collection: Collection, found_again: Iterator[Renewed]) -> Iterator[Renewed]:
    """The same, each once its embeddings are in the database."""
    waiting: list[Renewed] = []
    since = time.monotonic()
    for one in found_again:
        since = since if waiting else time.monotonic()
        waiting.append(one)
        if len(waiting) == PHOTOS or time.monotonic() - since > SECONDS:
            _keep(services, collection, waiting)
            yield from waiting
            waiting = []
    _keep(services, collection, waiting)
    yield from waiting


def _keep(services: Services, collection: Collection, waiting: Sequence[Renewed]) -> None:
    vectors = {position: vector for one in waiting for position, vector in one.vectors.items()}
    if vectors:
        with writing(services.engine) as connection:
            renewal.keep(connection, collection, FACE_MODEL_VERSION, vectors)


def _tried(models: Models, path: Path, known: Sequence[Face]) -> Renewed:
    """What comes of a photo: whatever is wrong with it, others are still to come."""
    try:
        vectors = _embedded(models, path, known)
    except ModelError:
        raise
    except RequestError as error:
        return Renewed(path, reason=error.message)
    except OSError as error:
        return Renewed(path, reason=f"cannot be read: {error.strerror}")
    except Exception as error:
        return Renewed(path, reason=f"cannot be analysed: {type(error).__name__}: {error}")
    missing = len(known) - len(vectors)
    return Renewed(path, vectors, f"{missing} of {len(known)} faces are not found in it again" if missing else None)


def _embedded(models: Models, path: Path, known: Sequence[Face]) -> dict[int, bytes]:
    """Position -> new embedding of those of the known faces that are found again."""
    frame = frame_of(path.read_bytes(), path.name)
    there = found(models, frame)
    useful = [row for row, why in enumerate(flaws(there, *trusted(frame, there), "NONE")) if not why]
    boxes = {row: face_detail(there, row)["BoundingBox"] for row in useful}
    same: dict[int, int] = {}
    for face in known:
        row = max(boxes, key=lambda row: overlap(boxes[row], face.box), default=None)
        if row is not None and overlap(boxes[row], face.box) >= SAME_FACE:
            same[face.position] = row
    rows = sorted(set(same.values()))
    vectors = embedded(models, frame, rows_of(there, np.array(rows, np.int64))).astype("<f4")
    return {position: vectors[rows.index(row)].tobytes() for position, row in same.items()}
