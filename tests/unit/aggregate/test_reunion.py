"""Who comes back after a cut, or after having left."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.aggregate.motion import F64
from pipeline.aggregate.reunion import reunited
from pipeline.aggregate.tracklets import Tracklet

Vectors = Mapping[tuple[int, int], F64]


def track(begin: int, end: int, row: int, colour: int) -> Tracklet:
    """Somebody at rest from sample `begin` to before `end`."""
    samples = np.arange(begin, end)
    looks = np.random.default_rng(colour).dirichlet(np.full(132, 0.1), 1) ** 0.5 * 255
    count = len(samples)
    return Tracklet(
        samples=samples,
        times=samples * 0.2,
        places=np.tile([0.5 + row, 0.2, -2.0, -1.0], (count, 1)),
        scores=np.full(count, 0.9),
        rows=np.full(count, row),
        drifts=np.zeros((count, 2)),
        looks=np.repeat(looks, 2, axis=0),
    )


def face(of: int, cosine: float = 1.0, seed: int = 0) -> F64:
    """(128,) unit vector at that cosine to the face of somebody."""
    known, other = (np.random.default_rng(n).normal(size=128) for n in (1000 + of, seed))
    known /= np.linalg.norm(known)
    other -= (other @ known) * known
    return cosine * known + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other)


def grouped(shots: list[list[Tracklet]], vectors: Vectors) -> list[list[int]]:
    """First samples of the tracklets of each person."""
    people = reunited([[[one] for one in shot] for shot in shots], vectors)
    return [[int(one.samples[0]) for one in person] for person in people]


def test_a_face_is_known_again_in_other_clothes_after_minutes() -> None:
    shots = [[track(0, 10, 0, colour=1)], [track(1000, 1010, 0, colour=2)]]
    assert grouped(shots, {(2, 0): face(1), (1003, 0): face(1, 0.65)}) == [[0, 1000]]


def test_faces_of_two_people_are_not_joined_whatever_they_wear() -> None:
    shots = [[track(0, 10, 0, colour=1)], [track(10, 20, 0, colour=1)]]
    assert grouped(shots, {(2, 0): face(1), (12, 0): face(1, 0.1)}) == [[0], [10]]


def test_clothes_are_known_again_just_after_a_cut() -> None:
    shots = [[track(0, 10, 0, colour=1)], [track(10, 20, 0, colour=1)]]
    assert grouped(shots, {}) == [[0, 10]]
    assert grouped([[track(0, 10, 0, colour=1)], [track(10, 20, 0, colour=2)]], {}) == [[0], [10]]


def test_clothes_are_forgotten() -> None:
    assert grouped([[track(0, 10, 0, colour=1)], [track(500, 510, 0, colour=1)]], {}) == [[0], [500]]


def test_clothes_join_nobody_within_a_shot() -> None:
    assert grouped([[track(0, 10, 0, colour=1), track(40, 50, 0, colour=1)]], {}) == [[0], [40]]


def test_who_left_and_returned_within_a_shot_is_known_by_the_face() -> None:
    shots = [[track(0, 10, 0, colour=1), track(60, 70, 0, colour=1)]]
    assert grouped(shots, {(2, 0): face(1), (63, 0): face(1, 0.7)}) == [[0, 60]]


def test_two_at_once_are_never_one() -> None:
    shots = [[track(0, 10, 0, colour=1), track(0, 10, 1, colour=1)]]
    assert grouped(shots, {(2, 0): face(1), (2, 1): face(1)}) == [[0], [0]]


@given(st.permutations(range(4)), st.integers(0, 900))  # seeds from 1000 on are those of the people
@settings(max_examples=20)
def test_several_who_change_places_at_a_cut_are_sorted_out(order: list[int], seed: int) -> None:
    before = [track(0, 10, row, colour=row) for row in range(4)]
    after = [track(10, 20, row, colour=who) for row, who in enumerate(order)]
    vectors = {(2, row): face(row, seed=seed) for row in range(4)}
    vectors |= {(12, row): face(who, 0.6, seed + 1 + row) for row, who in enumerate(order)}
    people = reunited([[[one] for one in before], [[one] for one in after]], vectors)
    assert len(people) == 4
    for first, second in people:
        assert order[int(second.rows[0])] == int(first.rows[0])


@pytest.mark.parametrize("count", [1, 5])
def test_everybody_is_kept(count: int) -> None:
    shots = [
        [track(20 * shot, 20 * shot + 10, row, colour=10 * shot + row) for row in range(count)] for shot in range(3)
    ]
    begins = [begin for person in grouped(shots, {}) for begin in person]
    assert sorted(begins) == sorted(20 * shot for shot in range(3) for _ in range(count))


def test_a_face_is_known_again_after_hundreds_of_others() -> None:
    shots = [[track(100 * k, 100 * k + 10, 0, colour=k % 300)] for k in range(301)]
    vectors = {(100 * k, 0): face(k % 300) for k in range(301)}
    people = grouped(shots, vectors)
    assert people[0] == [0, 30000]
    assert people[1:] == [[100 * k] for k in range(1, 300)]
