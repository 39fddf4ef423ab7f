"""Shifts the clock of a Python process by the seconds in the file that CHAOS_CLOCK names, also while it runs; for tests only.

Python imports this by itself at start where its folder is on PYTHONPATH.
"""

import contextlib
import os
import threading
import time
from pathlib import Path

POLL_S = 0.2


def _shift_s(file: Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        return float(file.read_text(encoding="ascii"))
    return 0.0


def _follow(file: Path) -> None:
    import time_machine

    shift_s = _shift_s(file)
    clock = time_machine.travel(time.time() + shift_s, tick=True).start()

    def watch() -> None:
        nonlocal shift_s
        while True:
            time.sleep(POLL_S)
            wanted_s = _shift_s(file)
            if wanted_s != shift_s:
                clock.shift(wanted_s - shift_s)
                shift_s = wanted_s

    def start() -> None:
        threading.Thread(target=watch, name="chaos-clock", daemon=True).start()

    os.register_at_fork(after_in_child=start)
    start()


if "CHAOS_CLOCK" in os.environ:
    _follow(Path(os.environ["CHAOS_CLOCK"]))
