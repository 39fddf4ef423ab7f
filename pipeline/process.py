"""What holds for every process that another one of ours has started."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Has this process killed when its parent ends, so that none works on unseen; does nothing elsewhere than on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def process_name() -> str:
    """Names this process in leases."""
    return f"{os.uname().nodename}:{os.getpid()}"
