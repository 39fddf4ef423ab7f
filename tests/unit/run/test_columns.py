"""Packed detections come back as they were."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.detect.columns import pack, unpack
from pipeline.detect.types import Detections, Faces, Tags, Values

SHAPES: dict[type[Any], dict[str, tuple[int, ...]]] = {
    Detections: {"boxes": (4,), "scores": (), "classes": ()},
    Faces: {"boxes": (4,), "scores": (), "landmarks": (5, 2), "pose": (3,), "quality": (2,)},
    Tags: {"classes": (), "scores": ()},
}


@st.composite
def found(draw: st.DrawFn) -> list[tuple[int, Any]]:
    kind = draw(st.sampled_from(list(SHAPES)))
    frames = sorted(draw(st.sets(st.integers(0, 2**40), max_size=6)))
    return [(frame, draw(detections(kind))) for frame in frames]


@st.composite
def detections(draw: st.DrawFn, kind: type[Any]) -> Any:
    count = draw(st.integers(0, 4))
    types = {name: np.int64 if name == "classes" else np.float32 for name in SHAPES[kind]}
    return kind(**{name: draw(hnp.arrays(types[name], (count, *rest))) for name, rest in SHAPES[kind].items()})


def assert_same(left: list[tuple[int, Any]], right: list[tuple[int, Any]]) -> None:
    assert [frame for frame, _ in left] == [frame for frame, _ in right]
    for (_, a), (_, b) in zip(left, right, strict=True):
        assert type(a) is type(b)
        for field in fields(a):
            before, after = getattr(a, field.name), getattr(b, field.name)
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)


@given(found())
def test_round_trip(frames: list[tuple[int, Any]]) -> None:
    assert_same(list(unpack(pack(frames))), frames)


@given(st.lists(hnp.arrays(np.float32, st.integers(0, 5)), max_size=5))
def test_rows_of_any_length(rows: list[Any]) -> None:
    frames = [(n, Values(row)) for n, row in enumerate(rows)]
    assert_same(list(unpack(pack(frames))), frames)


def test_nothing_is_something() -> None:
    assert list(unpack(pack([]))) == []


def test_columns_compress() -> None:
    frames = [(n, Values(np.full(16, 0.5, np.float32))) for n in range(1000)]
    assert len(pack(frames)) < 2000


def test_only_one_known_type() -> None:
    @dataclass(frozen=True)
    class Stranger:
        values: Any

    with pytest.raises(TypeError, match="Stranger"):
        pack([(0, Stranger(np.zeros(1)))])
    with pytest.raises(TypeError, match="Tags"):
        pack([(0, Values(np.zeros(1, np.float32))), (1, Tags(np.zeros(1, np.int64), np.zeros(1, np.float32)))])


@given(st.binary(max_size=60))
def test_foreign_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="detections"):
        list(unpack(raw))


@given(st.integers(4, 200))
def test_truncated_bytes_are_refused(length: int) -> None:
    raw = pack([(n, Values(np.arange(8, dtype=np.float32) * n)) for n in range(50)])
    with pytest.raises(ValueError, match="detections"):
        list(unpack(raw[: min(length, len(raw) - 1)]))
