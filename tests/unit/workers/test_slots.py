"""Slots are few, and those of a killed process are free again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workers.slots import Slots


@contextmanager
def holding(slots: Slots) -> Iterator[bool]:
    """Whether another process got a slot, which it holds until it is killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with slots.taken() as held:
            os.write(writing, b"y" if held else b"n")
            signal.pause()
    try:
        yield os.read(reading, 1) == b"y"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(("number", "there"), [(0, 1), (1, 1), (2, 2)])
def test_there_are_as_many_slots_as_were_made_but_one_at_least(number: int, there: int) -> None:
    slots = Slots(number)
    with holding(slots) as first, holding(slots) as second, holding(slots) as third:
        assert [first, second, third].count(True) == there
        with slots.taken() as mine:
            assert not mine
    with slots.taken() as mine:
        assert mine
    with holding(slots) as again:
        assert again
