"""Memory that threads keep for what models are fed."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from pipeline.detect.planes import BGR, KEPT, KEPT_BYTES, LARGEST, kept, planes, scaled, stacked


def test_channels_are_split_in_the_order_asked_for() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(planes([picture])[0], picture.transpose(2, 0, 1))
    assert np.array_equal(planes([picture], BGR)[0], picture.transpose(2, 0, 1)[::-1])


def test_each_channel_has_its_own_factor_and_offset() -> None:
    ones = np.ones((2, 3, 4, 5), np.float32)
    found = scaled(ones, np.array([1, 2, 3], np.float32), np.array([0, 1, 5], np.float32))
    assert np.array_equal(found[:, :, 0, 0], [[1, 1, -2]] * 2)


def test_memory_is_used_again_by_its_thread_and_shape_only() -> None:
    first = kept((3, 4))
    assert kept((3, 4)) is first
    assert kept((4, 3)) is not first
    for side in range(KEPT):
        kept((1, side))
    assert kept((3, 4)) is not first, "what is not asked for any more is let go"


def test_the_large_is_not_kept() -> None:
    assert kept((LARGEST + 1,)) is not kept((LARGEST + 1,))


def test_a_thread_keeps_few_bytes_however_large_its_shapes_are() -> None:
    def held() -> int:
        largest = [kept((side, LARGEST // side)) for side in (1, 2, 4, 8, 16, 32, 64)]
        again = [kept(array.shape) for array in reversed(largest)]
        return sum(each.nbytes for each, array in zip(again, reversed(largest), strict=True) if each is array)

    with ThreadPoolExecutor(1) as pool:
        assert 0 < pool.submit(held).result() <= KEPT_BYTES < KEPT * LARGEST * 4


def test_threads_never_share_memory() -> None:
    together = Barrier(2)

    def filled(number: int) -> bool:
        array = kept((64, 64))
        array[...] = number
        together.wait()
        return bool((array == number).all())

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(filled, (1, 2)))


@pytest.mark.parametrize("count", [1, 2])
def test_stacking_keeps_numbers(count: int) -> None:
    pictures = [np.full((2, 2, 3), k, np.uint8) for k in range(count)]
    assert np.array_equal(stacked(pictures), np.stack(pictures))
