import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.objects import STRIDES, _candidates, centres, corners, normalised


@given(st.integers(0, 3597), st.lists(st.floats(0, 7), min_size=4, max_size=4))
def test_boxes_decode_to_distances_from_their_cell(cell: int, distances: list[float]) -> None:
    cells = centres((416, 416))[cell : cell + 1]
    x, y, stride = (float(v) for v in cells[0])
    left, top, right, bottom = distances
    expected = np.array([x - left, y - top, x + right, y + bottom]) * stride
    assert np.allclose(corners(np.array([distances], np.float32), cells), [expected], atol=0.01)


@given(st.integers(1, 12), st.integers(1, 12))
def test_cells_are_counted_per_stride(columns: int, rows: int) -> None:
    size = (columns * 64, rows * 64)
    cells = centres(size)
    assert len(cells) == sum((size[0] // s) * (size[1] // s) for s in STRIDES)
    middles = cells[:, :2] * cells[:, 2:]
    assert (middles > 0).all()
    assert (middles < size).all()


def test_normalising_takes_mean_and_deviation_out() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[..., 0] = 255
    planes = normalised([pixels, pixels[:, ::-1]])
    assert planes.shape == (2, 3, 2, 3)
    assert planes.dtype == np.float32
    assert np.array_equal(planes[0], planes[1])
    assert np.allclose(planes[0, :, 0, 0], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], atol=1e-5)


def test_candidates_are_the_entries_above_the_floor_best_first() -> None:
    scores = np.array([[0.1, 0.9], [0.5, 0.3]], np.float32)
    classes, places, best = _candidates(scores, 0.3)
    assert classes.tolist() == [0, 1, 1]
    assert places.tolist() == [1, 0, 1]
    assert np.allclose(best, [0.9, 0.5, 0.3])
