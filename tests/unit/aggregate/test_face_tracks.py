"""Faces told apart: made-up people with embeddings as far apart as wanted."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.face_tracks import FaceTracker, People, Tracklet, joined, pairs_of
from pipeline.detect.types import Embeddings, Faces
from pipeline.media.types import F32

LENGTH = 16
AXES = np.eye(LENGTH, dtype=np.float32)


def person(number: int, other: int = -1, share: float = 0.0) -> F32:
    """A vector of length 1 along one axis, leaning by a share towards another."""
    vector = AXES[number] * (1 - share**2) ** 0.5 + (AXES[other] * share if other >= 0 else 0)
    return np.asarray(vector, np.float32)


def sample(
    vectors: Sequence[F32], lefts: Sequence[float], quality: Sequence[float] | None = None
) -> tuple[Faces, Embeddings]:
    """Faces a tenth of the picture wide, beside one another."""
    count = len(vectors)
    boxes = np.array([[left, 0.4, 0.1, 0.1] for left in lefts], np.float32).reshape(-1, 4)
    faces = Faces(
        boxes=boxes,
        scores=np.full(count, 0.9, np.float32),
        landmarks=np.zeros((count, 5, 2), np.float32),
        pose=np.zeros((count, 3), np.float32),
        quality=np.zeros((count, 2), np.float32),
    )
    trusted = np.ones(count) if quality is None else np.array(quality)
    return faces, Embeddings(np.array(vectors, np.float32).reshape(count, LENGTH), trusted.astype(np.float32))


def told(samples: Sequence[tuple[Faces, Embeddings]], step_ms: int = 500) -> People:
    tracker = FaceTracker(aspect=1.0)
    for number, found in enumerate(samples):
        tracker.add(number * step_ms, *found)
    return tracker.people()


def indices(people: People) -> list[list[int]]:
    return [rows.tolist() for rows in people.of_rows]


@st.composite
def films(draw: st.DrawFn) -> list[tuple[Faces, Embeddings]]:
    """Anything that could be found: few people, much noise, any places."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise, most = draw(st.floats(0.1, 2)), draw(st.integers(1, 5))
    samples = []
    for _ in range(draw(st.integers(0, 12))):
        count = int(chance.integers(0, most + 1))
        vectors = AXES[chance.integers(0, 4, count)] + noise * chance.normal(size=(count, LENGTH)) / LENGTH**0.5
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[chance.random(count) < 0.1] = 0
        quality = np.where(vectors.any(axis=1), np.maximum(chance.uniform(-0.3, 1, count), 0), 0)
        samples.append(sample(list(vectors), chance.random(count).tolist(), quality.tolist()))
    return samples


@given(films())
def test_two_faces_of_one_sample_are_two_people_numbered_as_they_appear(film: list[tuple[Faces, Embeddings]]) -> None:
    people = told(film)
    assert [len(rows) for rows in people.of_rows] == [len(faces.scores) for faces, _ in film]
    assert all(len(set(rows)) == len(rows) for rows in indices(people))
    in_order = list(dict.fromkeys(index for rows in indices(people) for index in rows))
    assert in_order == list(range(len(people.vectors)))
    lengths = np.linalg.norm(people.vectors, axis=1)
    assert (np.isclose(lengths, 1, atol=1e-5) | (lengths == 0)).all()


@given(films(), st.integers(0, 2**32 - 1))
def test_the_order_within_a_sample_does_not_matter(film: list[tuple[Faces, Embeddings]], seed: int) -> None:
    chance = np.random.default_rng(seed)
    orders = [chance.permutation(len(faces.scores)) for faces, _ in film]
    shuffled = [
        (
            Faces(*(getattr(faces, name)[order] for name in Faces.__dataclass_fields__)),
            Embeddings(embeddings.vectors[order], embeddings.quality[order]),
        )
        for (faces, embeddings), order in zip(film, orders, strict=True)
    ]
    before = indices(told(film))
    after = [
        [rows[place] for place in np.argsort(order)]
        for rows, order in zip(indices(told(shuffled)), orders, strict=True)
    ]
    names = dict(zip(chain(*before), chain(*after), strict=True))
    assert [[names[index] for index in rows] for rows in before] == after
    assert len(set(names.values())) == len(names)


def test_people_keep_their_index_over_cuts_gaps_and_crossings() -> None:
    ann, bob, cat = (person(k) for k in range(3))
    film = [
        sample([ann, bob], [0.1, 0.6]),
        sample([bob, ann], [0.2, 0.5]),  # they have changed sides
        sample([cat], [0.5]),  # a cut to somebody where another was
        sample([], []),
        *[sample([cat], [0.5])] * 20,
        sample([bob, cat, ann], [0.8, 0.4, 0.0]),
    ]
    assert indices(told(film)) == [[0, 1], [1, 0], [2], [], *[[2]] * 20, [1, 2, 0]]


def test_lookalikes_seen_together_stay_apart() -> None:
    ann, twin = person(0), person(0, 1, 0.5)
    film = [sample([ann], [0.1]), sample([ann, twin], [0.1, 0.6]), sample([twin], [0.6])]
    assert indices(told(film)) == [[0], [0, 1], [1]]


def test_a_face_turned_away_goes_on_only_where_it_was() -> None:
    ann, away = person(0), person(0, 1, 0.93)  # cosine .37
    assert indices(told([sample([ann], [0.3]), sample([away], [0.32])])) == [[0], [0]]
    assert indices(told([sample([ann], [0.3]), sample([away], [0.7])])) == [[0], [1]]


def test_faces_too_poor_to_compare_go_on_where_somebody_stayed() -> None:
    ann, blur = person(0), np.zeros(LENGTH, np.float32)
    still = [sample([ann, blur], [0.1, 0.6], [1, 0]), sample([ann, blur], [0.1, 0.61], [1, 0])]
    assert indices(told(still)) == [[0, 1], [0, 1]]
    cut = [sample([ann, blur], [0.1, 0.6], [1, 0]), sample([person(1), blur], [0.1, 0.61], [1, 0])]
    assert indices(told(cut)) == [[0, 1], [2, 3]]


def test_faces_of_no_quality_lend_their_index_to_nobody_elsewhere() -> None:
    film = [sample([person(0)], [0.1], [0]), sample([person(0)], [0.8], [0])]
    people = told(film)
    assert indices(people) == [[0], [1]]
    assert not people.vectors.any()


def test_people_are_the_mean_of_their_faces_by_quality() -> None:
    film = [sample([person(0)], [0.1], [0.9]), sample([person(0, 1, 0.8)], [0.1], [0.1])]
    expected = 0.9 * person(0) + 0.1 * person(0, 1, 0.8)
    np.testing.assert_allclose(told(film).vectors[0], expected / np.linalg.norm(expected), atol=1e-6)


def test_nobody_is_told_in_an_empty_film() -> None:
    people = told([])
    assert (list(people.of_rows), len(people.vectors)) == ([], 0)


@pytest.mark.parametrize(
    ("one", "other", "meet"), [((0, 3), (3, 5), True), ((0, 3), (4, 5), False), ((4, 9), (5, 6), True)]
)
def test_tracklets_meet_where_they_share_a_sample(one: tuple[int, int], other: tuple[int, int], meet: bool) -> None:
    first = Tracklet([(-9, -8), one, (20, 30)], AXES[0], 1, [0])
    second = Tracklet([(12, 13), other] if other > (12, 13) else [other, (12, 13)], AXES[0], 1, [1])
    assert first.meets(second) == second.meets(first) == meet


def test_joining_goes_on_until_nobody_is_alike() -> None:
    pieces = [Tracklet([(k, k)], person(0, 1, share), 1.0 + k, [k]) for k, share in enumerate((0, 0.95, 0.6, 0.8))]
    (whole,) = joined(pieces)
    assert sorted(whole.members) == [0, 1, 2, 3]
    assert whole.weight == 10
    assert pieces[0].members == [0]


def test_pairs_are_the_best_first() -> None:
    assert pairs_of(np.float32([[0.5, 0.9], [0.4, 0.8], [0, 0]])) == [(0, 1), (1, 0)]
