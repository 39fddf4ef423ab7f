"""Faces kept as plain numbers, and what is seen of somebody for hours."""

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.doubles import _common
from pipeline.aggregate.kept_faces import KeptFaces
from pipeline.aggregate.tracklets import FEW, SURE, Sample, Trail
from pipeline.detect.types import Faces


def faces(count: int, seed: int) -> Faces:
    chance = np.random.default_rng(seed)
    shapes = ((count, 4), (count,), (count, 5, 2), (count, 3), (count, 2))
    return Faces(*(chance.normal(size=shape).astype(np.float32) for shape in shapes))


@given(st.lists(st.integers(0, 3), max_size=6))
def test_every_face_comes_back_as_it_was(counts: list[int]) -> None:
    kept, given_ = KeptFaces(), [faces(count, place) for place, count in enumerate(counts)]
    numbers = [kept.add(each) for each in given_]
    assert [number for span in numbers for number in span] == list(range(sum(counts)))
    for each, span in zip(given_, numbers, strict=True):
        for row, number in enumerate(span):
            alone = kept.at(number)
            assert all(
                np.array_equal(getattr(alone, f.name), getattr(each, f.name)[row : row + 1]) for f in fields(Faces)
            )


@given(st.lists(st.floats(0, 1), min_size=0, max_size=20), st.integers(0, 99))
def test_a_trail_becomes_a_tracklet_of_all_that_was_seen(scores: list[float], seed: int) -> None:
    chance = np.random.default_rng(seed)
    samples = [
        Sample(
            3 * number,
            0.2 * number,
            chance.normal(size=(2, 4)),
            np.array([0.0, score]),
            chance.integers(0, 256, (2, 6)).astype(np.uint8),
            chance.normal(size=2),
        )
        for number, score in enumerate([SURE, *scores])
    ]
    trail = Trail(samples[0], 1)
    for sample in samples[1:]:
        trail.add(sample, 1)
    track = trail.tracklet()
    assert track.samples.tolist() == [sample.number for sample in samples]
    assert track.times.tolist() == [sample.seconds for sample in samples]
    assert track.scores.tolist() == [SURE, *scores]
    assert track.rows.tolist() == [1] * len(samples)
    assert np.array_equal(track.places, np.stack([sample.places[1] for sample in samples]))
    assert np.array_equal(track.drifts, np.stack([sample.drift for sample in samples]))
    sure = [sample.looks[1] for sample in samples if sample.scores[1] >= SURE]
    assert np.array_equal(track.looks, np.stack([np.mean(sure[:FEW], axis=0), np.mean(sure[-FEW:], axis=0)]))


@given(*[st.sets(st.integers(0, 40), min_size=1)] * 2)
def test_samples_in_common_are_found_in_both(first: set[int], second: set[int]) -> None:
    one, other = (np.array(sorted(samples)) for samples in (first, second))
    places = _common(one, other)
    assert one[places[0]].tolist() == other[places[1]].tolist() == sorted(first & second)
