"""What holds for every process that another one of ours has started."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STARTED = 19
"""Place of the start time among the fields of /proc/PID/stat that follow the name, in ticks since the host was started."""
_listeners: list[Callable[[], None]] = []
LONG_S = 1800.0
"""What takes longer than this is stuck, even where TensorRT builds an engine."""
_long: dict[int, float] = {}


def die_with_parent() -> None:
    """Has this process killed when its parent ends, so that none works on unseen; does nothing elsewhere than on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def process_name() -> str:
    """Names this process in leases."""
    return f"{os.uname().nodename}:{os.getpid()}"


def origin(pid: int | None = None) -> str:
    """Which process this pid [default: this process] is, until the host is started anew: the host's boot, the namespace of pids, when
    the process was started; empty where that cannot be told.

    Source: proc_pid_stat(5), pid_namespaces(7); boot_id in proc_sys_kernel(5).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # The name of the program, which may hold anything, is in brackets.
        fields = Path(f"/proc/{pid or os.getpid()}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()} {fields[_STARTED]}"
    except OSError:
        return ""


def has_ended(pid: int, known: str) -> bool:
    """Whether the process whose `origin` was `known` is surely gone; others, as those of other containers and hosts, never are."""
    mine = origin()
    if not mine or known.rpartition(" ")[0] != mine.rpartition(" ")[0]:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's
        pass
    return origin(pid) not in ("", known)


def on_progress(listener: Callable[[], None]) -> None:
    """Has the listener called whenever a task of this process gets on, from whatever thread; it must be quick and raise nothing."""
    _listeners.append(listener)


def got_on() -> None:
    """A task of this process has got on: it has renewed its lease."""
    for listener in _listeners:
        listener()


@contextmanager
def long_work() -> Iterator[None]:
    """Inside the `with` block this thread may be at something that takes minutes and tells of no progress; blocks do not nest."""
    _long[threading.get_ident()] = time.monotonic()
    try:
        yield
    finally:
        del _long[threading.get_ident()]


def is_at_long_work() -> bool:
    """Whether a thread of this process is, and has not been for too long."""
    now = time.monotonic()
    return any(now - begun < LONG_S for begun in list(_long.values()))
