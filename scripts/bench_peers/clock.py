"""What a piece of work costs: wall time, and processor time of all threads and of the processes it started."""

import resource
import time


class Clock:
    """Counts from when it is made, or from its last `restart`."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Counts from now."""
        self._wall, self._cpu = time.perf_counter(), processor_s()

    @property
    def spent(self) -> dict[str, float]:
        """`wall_s` and `cpu_s`: seconds since the beginning."""
        return {"wall_s": time.perf_counter() - self._wall, "cpu_s": processor_s() - self._cpu}


def processor_s() -> float:
    """Seconds of processor time of this process, all its threads, and its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
