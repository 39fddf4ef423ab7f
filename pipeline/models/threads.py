"""How many processor cores this process may really use."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cores(cgroup: Path = CGROUP) -> int:
    """Cores granted by affinity and by the cgroup's quota (v2 or v1), whichever is less; at least one."""
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for quota in (_v2(cgroup / "cpu.max"), _v1(cgroup / "cpu")) if quota is not None]
    return max(1, min([granted, *(math.floor(quota + 1e-9) for quota in quotas)]))


def _v2(path: Path) -> float | None:
    """Cores of a `cpu.max` file, "QUOTA PERIOD" in microseconds; None where there is no limit."""
    match _words(path):
        case [quota, period] if quota.isdigit():
            return int(quota) / int(period)
        case _:
            return None


def _v1(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    return int(quota[0]) / int(period[0]) if quota and period and int(quota[0]) > 0 else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def video_children(concurrency: int | None) -> int:
    """Processes that analyse video side by side on this machine: as set, else one per two granted cores."""
    return concurrency or max(1, cores() // 2)


def image_children(concurrency: int | None) -> int:
    """Processes that answer requests on images side by side: as set, else one per four granted cores, which one inference can use."""
    return concurrency or max(1, cores() // 4)


def inference_threads(threads: int | None, concurrency: int | None) -> int:
    """Threads each of these processes uses for inference: as set, else all together use the granted cores once."""
    return threads or max(1, cores() // video_children(concurrency))
