"""What a block of work takes, and blocks of work in processes of their own."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pipeline import logs

LOOK_S = 0.02


class Watch:
    """Wall and processor time and the most private memory of this process inside the `with` block.

    Private is what no file stands behind: what the system could not take back, however full the machine.
    """

    def __enter__(self) -> "Watch":
        self._over, self._peak = Event(), private_bytes()
        self._thread = Thread(target=self._look, daemon=True)
        self._began, self._cpu = time.perf_counter(), processor_s()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self._began, processor_s() - self._cpu
        self._over.set()
        self._thread.join()
        self.figures = {"wall_s": wall, "cpu_s": cpu, "peak_bytes": max(self._peak, private_bytes())}

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            self._peak = max(self._peak, private_bytes())


def processor_s() -> float:
    """Processor seconds of all threads of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def private_bytes() -> int:
    """Memory of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon:")).split()[1]) * 1024


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a fresh process."""
    quiet = partial(logs.configure, "ERROR", "console")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), quiet) as pool:
        return pool.submit(function, *arguments).result()
