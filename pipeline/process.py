"""What holds for every process that another one of ours has started."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_listeners: list[Callable[[], None]] = []


def die_with_parent() -> None:
    """Has this process killed when its parent ends, so that none works on unseen; does nothing elsewhere than on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def process_name() -> str:
    """Names this process in leases."""
    return f"{os.uname().nodename}:{os.getpid()}"


def on_progress(listener: Callable[[], None]) -> None:
    """Has the listener called whenever a task of this process gets on, from whatever thread; it must be quick and raise nothing."""
    _listeners.append(listener)


def got_on() -> None:
    """A task of this process has got on: it has renewed its lease."""
    for listener in _listeners:
        listener()
