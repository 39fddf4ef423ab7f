"""The working-ahead thread: order, faults and its end."""

from collections.abc import Generator
from threading import Event
from threading import enumerate as threads

import pytest

from pipeline.errors import MediaError
from pipeline.media.ahead import Pulse, ahead


def test_items_come_in_order() -> None:
    with ahead((n for n in range(100)), 3, Pulse(), 10) as items:
        assert [item for item in items if item is not None] == list(range(100))


def test_what_the_source_raises_comes_out_after_its_items() -> None:
    def source() -> Generator[int]:
        yield 1
        raise KeyError("broken")

    seen = []
    with pytest.raises(KeyError, match="broken"), ahead(source(), 3, Pulse(), 10) as items:
        seen.extend(items)
    assert [item for item in seen if item is not None] == [1]


def test_leaving_early_ends_and_closes_the_source() -> None:
    closed = Event()

    def source() -> Generator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    def use() -> None:
        with ahead(source(), 2, Pulse(), 10) as items:
            next(items)
            raise RuntimeError("enough")

    before = set(threads())
    with pytest.raises(RuntimeError, match="enough"):
        use()
    assert closed.is_set()
    assert set(threads()) <= before  # those of others may end meanwhile


def test_a_source_that_hangs_is_given_up() -> None:
    release = Event()

    def source() -> Generator[int]:
        yield 1
        release.wait(60)

    with pytest.raises(MediaError, match="no progress"), ahead(source(), 2, Pulse(), 0.3) as items:
        for _ in items:
            pass
    release.set()


def test_progress_between_items_counts() -> None:
    pulse = Pulse()
    ticks = Event()

    def source() -> Generator[int]:
        for _ in range(8):
            pulse.beat()
            ticks.wait(0.1)
        yield 1

    with ahead(source(), 2, pulse, 0.6) as items:
        assert [item for item in items if item is not None] == [1]
