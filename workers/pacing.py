"""Tasks whose messages may pile up while nobody takes them, and of which then one suffices."""

import time
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

T = TypeVar("T")


def at_most_every(seconds: float) -> Callable[[Callable[[], T]], Callable[[], T | None]]:
    """A decorator: in this process the function does its work when that was not done within the last `seconds`, and returns None else.

    Messages that expire would not do instead: that compares the clocks of two machines.
    """

    def paced(function: Callable[[], T]) -> Callable[[], T | None]:
        last_s: float | None = None

        @wraps(function)
        def call() -> T | None:
            nonlocal last_s
            if last_s is not None and time.monotonic() - last_s < seconds:
                return None
            done = function()
            last_s = time.monotonic()
            return done

        return call

    return paced
