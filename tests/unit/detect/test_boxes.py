import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pipeline.detect.boxes import TILE, areas, corners_of, entries, input_size, inside, iou, nms, ratios
from pipeline.media.types import F32

SIZES = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


@st.composite
def corner_boxes(draw: st.DrawFn, most: int = 12) -> F32:
    """(N, 4) corners of boxes with positive sides."""
    count = draw(st.integers(0, most))
    numbers = st.floats(0, 100, width=32)
    low = draw(hnp.arrays(np.float32, (count, 2), elements=numbers))
    sides = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(1, 50, width=32)))
    return np.concatenate([low, low + sides], axis=1)


def scores_of(boxes: F32) -> F32:
    return np.random.default_rng(len(boxes)).random(len(boxes)).astype(np.float32)


@given(corner_boxes(), st.floats(0.1, 0.9))
def test_suppression_is_idempotent_and_leaves_no_clash(boxes: F32, threshold: float) -> None:
    scores = scores_of(boxes)
    kept = nms(boxes, scores, threshold)
    assert nms(boxes[kept], scores[kept], threshold).tolist() == list(range(len(kept)))
    overlap = iou(boxes[kept], boxes[kept])
    np.fill_diagonal(overlap, 0)
    assert (overlap <= threshold).all()


@given(corner_boxes(), st.floats(0.1, 0.9))
def test_every_suppressed_box_has_a_better_one_over_it(boxes: F32, threshold: float) -> None:
    scores = scores_of(boxes)
    kept = nms(boxes, scores, threshold)
    assert (np.diff(scores[kept]) <= 0).all()
    for lost in set(range(len(boxes))) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[lost]]
        assert (iou(boxes[[lost]], boxes[better]) > threshold).any()


def test_classes_do_not_suppress_each_other() -> None:
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    scores = np.array([0.5, 0.9, 0.7], np.float32)
    assert nms(boxes, scores, 0.5, np.array([0, 1, 0])).tolist() == [1, 2]
    assert nms(boxes, scores, 0.5).tolist() == [1]


@given(corner_boxes(), corner_boxes())
def test_overlap_is_a_symmetric_share(first: F32, second: F32) -> None:
    overlap = iou(first, second)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-4)).all()
    assert np.allclose(overlap, iou(second, first).T)
    assert np.allclose(np.diag(iou(first, first)), 1, atol=1e-3)


def test_overlap_of_known_boxes() -> None:
    assert np.allclose(
        iou(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 1, 3, 3], [5, 5, 6, 6]], np.float32)), [[1 / 7, 0]]
    )
    assert areas(np.array([[0, 0, 2, 3], [2, 2, 1, 1]], np.float32)).tolist() == [6, 0]


@given(corner_boxes(), SIZES)
def test_ratios_and_corners_are_inverse(boxes: F32, size: tuple[int, int]) -> None:
    assert np.allclose(corners_of(ratios(boxes, size), size), boxes, rtol=1e-4, atol=1e-3)


@given(corner_boxes(), st.tuples(st.integers(1, 60), st.integers(1, 60)))
def test_inside_keeps_corners_in_the_picture(boxes: F32, size: tuple[int, int]) -> None:
    moved = inside(boxes, size)
    assert (moved >= 0).all()
    assert (moved[:, [0, 2]] <= size[0]).all()
    assert (moved[:, [1, 3]] <= size[1]).all()


@given(st.floats(0.2, 5), st.integers(64 * 64 * 9, 1280 * 1280), st.sampled_from([32, 64]))
def test_input_size_fits_the_stride_and_the_budget(aspect: float, pixels: int, step: int) -> None:
    width, height = input_size(aspect, pixels, step)
    assert width % step == 0
    assert height % step == 0
    assert step * step <= width * height <= pixels * 1.1


def test_input_size_keeps_usual_aspects_within_a_tenth() -> None:
    for aspect in (16 / 9, 3 / 2, 4 / 3, 1.0, 3 / 4, 9 / 16, 2.39):
        width, height = input_size(aspect, 640 * 512, 64)
        assert abs(width / height / aspect - 1) < 0.1


@given(
    hnp.arrays(bool, st.tuples(st.integers(0, 20), st.integers(0, 20)), elements=st.integers(0, 9).map(lambda n: n > 8))
)
def test_entries_are_numpys(flags: NDArray[np.bool_]) -> None:
    for found, expected in zip(entries(flags), np.nonzero(flags), strict=True):
        assert found.tolist() == expected.tolist()


def test_suppression_of_more_boxes_than_are_compared_at_once_is_greedy() -> None:
    random = np.random.default_rng(1)
    places = random.integers(0, 40, (3 * TILE, 2))
    boxes = np.concatenate([places, places + random.integers(5, 30, (3 * TILE, 2))], axis=1).astype(np.float32)
    scores, classes = random.random(3 * TILE).astype(np.float32), random.integers(0, 2, 3 * TILE)
    kept: list[int] = []
    for box in np.argsort(-scores).tolist():
        rivals = [other for other in kept if classes[other] == classes[box]]
        if (iou(boxes[rivals], boxes[[box]]) <= 0.5).all():
            kept.append(box)
    assert len(kept) > TILE
    assert nms(boxes, scores, 0.5, classes).tolist() == kept
