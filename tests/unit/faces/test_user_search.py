"""The order of users by likeness against looking at every one of them."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.faces.users import SPARE, Near, best, likeness
from pipeline.store.faces import Face


def vector_of(user_id: str, length: float, position: int = 0) -> Face:
    """The vector of a user, as it is kept."""
    return Face(position, user_id, "", None, {}, 100 * length, "", user_id)


class Gallery:
    """Vectors of users, of whom those with the greatest cosines are found first, and how often it was asked."""

    def __init__(self, cosines: Sequence[float], lengths: Sequence[float], newer: Near = ()) -> None:
        rows = [(cosine, vector_of(f"u{n:05}", lengths[n])) for n, cosine in enumerate(cosines)]
        self.rows = sorted(rows, key=lambda row: -row[0])
        self.newer = newer
        self.asked = 0

    def near(self, most: int) -> tuple[Near, Near]:
        self.asked += 1
        return self.rows[:most], self.newer

    def compared(self, least: float, limit: int) -> list[tuple[float, str]]:
        every = [(likeness(cosine, face.confidence / 100), face.id) for cosine, face in self.rows]
        return sorted((one for one in every if one[0] >= least), key=lambda one: (-one[0], one[1]))[:limit]


@pytest.mark.parametrize("limit", [1, 7, 80, 500, 5000])
@pytest.mark.parametrize("least", [-1.0, 0.3, 0.9])
def test_the_users_most_alike_are_found_in_order(limit: int, least: float) -> None:
    random = np.random.default_rng(limit)
    gallery = Gallery(list(random.uniform(0, 1, 3000)), list(random.uniform(0.2, 1, 3000)))
    assert best(gallery.near, 1.0, least, limit) == gallery.compared(least, limit)


def test_users_of_single_faces_need_one_look() -> None:
    gallery = Gallery(list(np.linspace(0, 0.9, 3000)), [1.0] * 3000)
    assert len(best(gallery.near, 1.0, 0.1, 50)) == 50
    assert gallery.asked == 1


def test_equal_users_are_ordered_by_id() -> None:
    gallery = Gallery([0.5] * (3 * SPARE), [0.8] * (3 * SPARE))
    assert [name for _, name in best(gallery.near, 1.0, 0.1, 3)] == ["u00000", "u00001", "u00002"]


def test_a_newer_vector_counts_instead_of_the_one_that_was_found() -> None:
    newer = [(0.2, vector_of("u00000", 1.0)), (0.7, vector_of("new", 1.0))]
    gallery = Gallery([0.9, 0.8], [1.0, 1.0], newer)
    assert best(gallery.near, 1.0, 0.5, 10) == [(0.8, "u00001"), (0.7, "new")]


def test_strangers_are_as_far_from_users_as_from_faces() -> None:
    """Faces share a little whoever they are of: the mean of somebody's faces must not be nearer to everybody for that."""
    random = np.random.default_rng(1)

    def person(count: int) -> np.ndarray:
        own = random.standard_normal(128) * 0.85
        drawn = shared + own + 0.75 * random.standard_normal((count, 128))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    shared = 0.42 * random.standard_normal(128)
    single, users = [], []
    for _ in range(400):
        own, stranger = person(10), person(1)[0]
        mean = own.mean(axis=0)
        length = float(np.linalg.norm(mean))
        single.append(own[0] @ stranger)
        users.append(likeness(float(mean @ stranger) / length, length))
    assert np.mean(single) == pytest.approx(0.12, abs=0.03)
    assert np.mean(users) == pytest.approx(np.mean(single), abs=0.012)
    assert np.quantile(users, 0.95) <= np.quantile(single, 0.95) + 0.02
