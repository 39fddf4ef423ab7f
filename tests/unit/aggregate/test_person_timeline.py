"""Who is who among simulated walkers."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.aggregate.types import Record
from pipeline.catalog import by_analysis
from pipeline.detect.types import Appearances, Detections, Faces
from tests.support.walkers import KEYS, Walker, frames, tracked


def owners(walkers: list[Walker], seconds: float, **how: Any) -> tuple[list[Record], dict[int, Counter[int]]]:
    """The records, and for each walker how often which index was theirs: that of the nearest box."""
    samples = list(frames(walkers, seconds, **how))
    records = tracked([(time, found) for time, found, _ in samples])
    by_time: dict[int, list[Record]] = {}
    for record in records:
        by_time.setdefault(record.timestamp_ms, []).append(record)
    found: dict[int, Counter[int]] = {number: Counter() for number in range(len(walkers))}
    for time, _, seen in samples:
        there = by_time.get(time, [])
        for number in seen:
            box = walkers[number].box(time / 1000, how.get("pan", 0.0) * time / 1000)
            assert box is not None
            near = [abs(r.body["Person"]["BoundingBox"]["Left"] - box[0]) for r in there]
            if near and min(near) < 0.5 * box[2]:
                found[number][there[int(np.argmin(near))].index] += 1
    return records, found


@given(st.integers(0, 10_000), st.floats(0.15, 0.4), st.floats(0.1, 0.35))
@settings(max_examples=15)
def test_two_who_cross_keep_their_indices(seed: int, height: float, speed: float) -> None:
    walkers = [
        Walker((0.3, 0.3), (speed, 0), height, colour=1),
        Walker((0.3 + 4 * speed, 0.3), (-speed, 0.0), height, colour=2),
    ]
    records, found = owners(walkers, 4, seed=seed)
    assert {r.index for r in records} == {0, 1}
    assert all(max(counts.values()) >= 0.85 * counts.total() for counts in found.values())
    assert found[0].most_common(1)[0][0] != found[1].most_common(1)[0][0]


@given(st.integers(0, 10_000), st.floats(1.2, 3.0))
@settings(max_examples=15)
def test_somebody_hidden_for_seconds_keeps_their_index(seed: int, gap: float) -> None:
    records, _ = owners([Walker((0.3, 0.3), (0.15, 0), hidden=[(2, 2 + gap)])], 7, seed=seed)
    assert {r.index for r in records} == {0}
    assert not any(2100 < r.timestamp_ms < 1900 + 1000 * gap for r in records), "nobody is invented in long gaps"


def test_short_gaps_are_filled_along_the_way() -> None:
    records, _ = owners([Walker((0.3, 0.3), (0.2, 0), hidden=[(1.9, 2.5)])], 5, jitter=0.001)
    times = [r.timestamp_ms for r in records]
    assert times == list(range(0, 5000, 200))
    lefts = np.array([r.body["Person"]["BoundingBox"]["Left"] for r in records])
    assert np.allclose(np.diff(lefts), 0.2 * 0.2 * 9 / 16, atol=0.002)


def test_another_who_appears_elsewhere_in_other_clothes_is_another() -> None:
    walkers = [
        Walker((0.4, 0.3), (0, 0), colour=1, hidden=[(2, 9)]),
        Walker((1.4, 0.3), (0, 0), colour=2, hidden=[(0, 4)]),
    ]
    records, _ = owners(walkers, 6)
    assert [r.index for r in records] == sorted(r.index for r in records)
    assert {r.index for r in records} == {0, 1}


def test_who_left_the_picture_and_who_enters_later_are_two() -> None:
    walkers = [Walker((1.2, 0.3), (0.3, 0), colour=1), Walker((2.65, 0.3), (-0.2, 0.0), colour=2)]
    records, _ = owners(walkers, 8)
    assert {r.index for r in records} == {0, 1}


@given(st.integers(0, 10_000), st.sampled_from([-0.6, -0.3, 0.3, 0.6]))
@settings(max_examples=10)
def test_a_turning_camera_does_not_confuse_people_in_one_uniform(seed: int, pan: float) -> None:
    walkers = [Walker((0.7 + 0.12 * k - 0.75 * pan, 0.3), (0.0, 0.0), 0.25) for k in range(4)]
    _, found = owners(walkers, 1.5, seed=seed, pan=pan)
    firsts = [counts.most_common(1)[0] for counts in found.values()]
    assert len({index for index, _ in firsts}) == 4
    assert all(n == counts.total() for (_, n), counts in zip(firsts, found.values(), strict=True))


@given(st.integers(0, 10_000))
@settings(max_examples=8)
def test_a_crowd_with_misses_is_told_apart(seed: int) -> None:
    noise = np.random.default_rng(seed)
    walkers = [
        Walker((0.3 + 0.15 * k, 0.2 + 0.05 * (k % 3)), (noise.normal(0, 0.05), 0), 0.25, colour=k) for k in range(8)
    ]
    _, found = owners(walkers, 6, seed=seed, missed=0.15)
    right = sum(counts.most_common(1)[0][1] for counts in found.values())
    assert right >= 0.8 * sum(counts.total() for counts in found.values())


def test_indices_follow_the_first_appearance() -> None:
    walkers = [Walker((0.4 + 0.4 * k, 0.3), (0, 0), colour=k, hidden=[(0, 2.0 - k)]) for k in range(3)]
    records, _ = owners(walkers, 5)
    begins = [min(r.timestamp_ms for r in records if r.index == index) for index in range(3)]
    assert begins == [0, 1000, 2000]


def test_what_is_seen_once_and_not_surely_is_nobody() -> None:
    objects = Detections(np.float32([[0.4, 0.3, 0.1, 0.3]]), np.float32([0.7]), np.zeros(1, np.int64))
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    scene, colours = np.zeros((32, 48), np.uint8), np.full((1, 132), 20, np.uint8)
    look, none = Appearances(colours, scene), Appearances(colours[:0], scene)
    samples = [(0, {KEYS.objects: objects, KEYS.looks: look}), (200, {KEYS.objects: nothing, KEYS.looks: none})]
    assert tracked(samples) == []


def test_other_things_are_not_people() -> None:
    samples = [(time, found) for time, found, _ in frames([Walker((0.8, 0.3), (0, 0))], 1)]
    things = [
        (time, {**found, KEYS.objects: replace(found[KEYS.objects], classes=np.ones(1, np.int64))})
        for time, found in samples
    ]
    assert tracked(things) == []
    assert len(tracked(samples)) == len(samples)


def test_a_face_goes_with_its_person() -> None:
    samples = []
    for time, found, _ in frames([Walker((0.5, 0.3), (0, 0)), Walker((1.2, 0.3), (0, 0), colour=1)], 1, jitter=0):
        left = 1.2 * 9 / 16 - 0.015
        faces = Faces(
            np.float32([[left, 0.31, 0.03, 0.05], [0.01, 0.9, 0.03, 0.05]]),
            np.float32([0.9, 0.9]),
            np.zeros((2, 5, 2), np.float32),
            np.zeros((2, 3), np.float32),
            np.zeros((2, 2), np.float32),
        )
        samples.append((time, {**found, KEYS.faces: faces}))
    records = tracked(samples)
    faced = [r for r in records if "Face" in r.body["Person"]]
    assert len(faced) == len(samples)
    assert len(records) == 2 * len(samples)
    assert len({r.index for r in faced}) == 1
    assert all(r.body["Person"]["BoundingBox"]["Left"] > 0.5 for r in faced)
    assert set(faced[0].body["Person"]["Face"]) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"}


def test_a_cut_ends_all_tracks() -> None:
    samples = [(time, found) for time, found, _ in frames([Walker((0.8, 0.3), (0, 0), colour=1)], 2)]
    others = [(time, found) for time, found, _ in frames([Walker((0.8, 0.3), (0, 0), colour=2)], 2)]
    noise = np.random.default_rng(5).integers(0, 255, (32, 48)).astype(np.uint8)
    after = [
        (time + 2000, {**found, KEYS.looks: Appearances(found[KEYS.looks].vectors, noise)}) for time, found in others
    ]
    records = tracked(samples + after)
    assert {(r.index, r.timestamp_ms >= 2000) for r in records} == {(0, False), (1, True)}


def test_sorting_by_index_puts_the_surest_first() -> None:
    assert by_analysis("persons").orders["INDEX"] == ("index", "-confidence", "timestamp_ms")


def test_nothing_gives_nothing() -> None:
    (first, *_) = frames([], 0.2)
    assert tracked([first[:2]]) == []


@pytest.mark.parametrize("gap", [0.2, 0.4])
def test_one_body_in_two_boxes_is_one_person(gap: float) -> None:
    samples = []
    for time, found, _ in frames([Walker((0.8, 0.3), (0, 0), 0.5)], 4, jitter=0.001):
        objects = found[KEYS.objects]
        part = objects.boxes * np.float32([1, 1, 1, 0.6])
        seen = [objects.boxes] * (time < 2000) + [part] * (time >= 2000 - 1000 * gap)
        rows = np.zeros(len(seen), int)
        both = Detections(np.concatenate(seen), objects.scores[rows], objects.classes[rows])
        looks = found[KEYS.looks]
        samples.append((time, {KEYS.objects: both, KEYS.looks: Appearances(looks.vectors[rows], looks.scene)}))
    records = tracked(samples)
    assert [r.index for r in records] == [0] * len(samples)


@pytest.mark.parametrize(
    ("score", "samples", "people"), [(0.6, 1, 1), (0.8, 2, 1), (0.6, 2, 0), (0.6, 20, 0), (0.45, 1, 0)]
)
def test_a_shot_of_few_samples_needs_no_more_of_them(score: float, samples: int, people: int) -> None:
    """Somebody seen once: enough where there is only one frame, too little in the midst of many."""
    found = list(frames([Walker((0.3, 0.3), (0, 0), hidden=[(0.1, 100)])], samples * 0.2))
    weak = [(time, {**seen, KEYS.objects: scored(seen[KEYS.objects], score)}) for time, seen, _ in found]
    assert len({r.index for r in tracked(weak)}) == people


def scored(objects: Detections, score: float) -> Detections:
    return replace(objects, scores=np.full(len(objects.scores), score, np.float32))
