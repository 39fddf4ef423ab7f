"""Embeddings with a network that can be followed by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.detect.alignment import TEMPLATE
from pipeline.detect.embeddings import LENGTH, FaceEmbedder, trust
from pipeline.detect.landmarks import LandmarkFinder
from pipeline.detect.types import Embeddings, Faces, Joined
from pipeline.media.types import F32, U8


class Corners:
    """A network that answers with the colours of pixels: a left and a right one."""

    version = "1"
    metadata: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        planes = inputs["data"]
        assert planes.shape[1:] == (3, 112, 112)
        assert planes.dtype == np.float32
        self.sizes.append(len(planes))
        found = np.zeros((len(planes), LENGTH), np.float32)
        found[:, 0], found[:, 1] = planes[:, 0, 56, 10], planes[:, 0, 56, 101]
        return [found]


NO_LOOKS = LandmarkFinder(Corners(), looks=())


def faces(spots: Sequence[F32], size: tuple[int, int], pose: float = 0, sharpness: float = 80) -> Faces:
    count = len(spots)
    return Faces(
        boxes=np.full((count, 4), 0.1, np.float32),
        scores=np.full(count, 0.9, np.float32),
        landmarks=np.reshape((np.array(spots, np.float32).reshape(-1, 5, 2) + 0.5) / size, (-1, 5, 2)).astype(
            np.float32
        ),
        pose=np.tile(np.float32([0, pose, 0]), (count, 1)),
        quality=np.tile(np.float32([50, sharpness]), (count, 1)),
    )


def shaded(left: int, right: int) -> U8:
    picture = np.zeros((112, 112, 3), np.uint8)
    picture[:, :56], picture[:, 56:] = left, right
    return picture


def embedded(*pictures: tuple[U8, Faces]) -> list[Embeddings]:
    prepared = [Joined(picture, found) for picture, found in pictures]
    return list(FaceEmbedder(Corners(), NO_LOOKS, crops=2).detect(prepared))


def test_face_and_mirrored_face_count_alike() -> None:
    (found,) = embedded((shaded(30, 40), faces([TEMPLATE], (112, 112))))
    np.testing.assert_allclose(found.vectors[0, :3], [0.5**0.5, 0.5**0.5, 0], atol=1e-6)
    assert found.quality[0] == 1


def test_rows_are_those_of_the_faces_and_too_small_ones_are_zero() -> None:
    small = TEMPLATE * 0.1 + 40
    first = (shaded(30, 0), faces([small, TEMPLATE], (112, 112)))
    nobody = (shaded(1, 2), faces([], (112, 112)))
    last = (shaded(0, 9), faces([TEMPLATE, TEMPLATE], (112, 112)))
    found = embedded(first, nobody, last)
    assert [f.vectors.shape for f in found] == [(2, LENGTH), (0, LENGTH), (2, LENGTH)]
    assert (found[0].vectors[0] == 0).all()
    assert found[0].quality[0] == 0
    lengths = np.linalg.norm(np.concatenate([f.vectors for f in found]), axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 1, 1], atol=1e-6)


def test_the_network_is_fed_few_faces_at_a_time() -> None:
    session = Corners()
    picture = shaded(3, 4)
    FaceEmbedder(session, NO_LOOKS, crops=2).detect([Joined(picture, faces([TEMPLATE] * 5, (112, 112)))])
    assert sorted(session.sizes) == [1, 1, 2, 2, 2, 2]


def test_what_the_network_hardly_recognises_counts_less() -> None:
    answers = embedded(*[(shaded(3 * k, 4 * k), faces([TEMPLATE], (112, 112))) for k in (1, 2, 3)])
    assert [float(answer.quality[0]) for answer in answers] == pytest.approx([0, 0.6, 1])
    np.testing.assert_allclose([np.linalg.norm(answer.vectors) for answer in answers], 1, atol=1e-6)


def test_small_blurred_and_turned_faces_are_trusted_less() -> None:
    picture, size = shaded(3, 4), (112, 112)
    best = trust(picture, faces([TEMPLATE], size))[0]
    assert trust(picture, faces([TEMPLATE * 0.5], size))[0] < 0.6 * best
    assert trust(picture, faces([TEMPLATE], size, pose=60))[0] == pytest.approx(best / 2, rel=0.01)
    assert trust(picture, faces([TEMPLATE], size, sharpness=10))[0] < 0.3 * best
    assert 0 < trust(picture, faces([TEMPLATE], size, pose=90, sharpness=0))[0] < 0.1
