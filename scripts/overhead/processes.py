"""What the processes of an installation take, by part: processor time and memory, from /proc."""

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from scripts.hostile.serving import everything_below

TICKS = os.sysconf("SC_CLK_TCK")
_HOSTNAME = re.compile(r"--hostname (\S+?)@")


def parts(supervisor: int) -> dict[int, str]:
    """pid -> part: serve, redis, api, beat, or the queue that a worker takes from."""
    return {pid: _part(pid) for pid in everything_below(supervisor)}


def cpu_s(supervisor: int) -> dict[str, float]:
    """Part -> seconds of processor time so far, those of ended children included."""
    found: defaultdict[str, float] = defaultdict(float)
    for pid, part in parts(supervisor).items():
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            # Of ended children only those of the workers are of the same part; serve's are parts of their own.
            took = fields[11:13] if part == "serve" else fields[11:15]
            found[part] += sum(map(int, took)) / TICKS
    return dict(found)


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Part -> seconds between the two."""
    return {part: round(value - before.get(part, 0.0), 3) for part, value in sorted(after.items())}


def memory_mb(supervisor: int) -> dict[str, float]:
    """Part -> MiB of memory of all its processes: what is theirs alone and their share of what they have in common."""
    found: defaultdict[str, float] = defaultdict(float)
    for pid, part in parts(supervisor).items():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
            found[part] += next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
    return {part: round(value, 1) for part, value in sorted(found.items())}


def pid_of(supervisor: int, part: str) -> int:
    """The first process of a part."""
    return min(pid for pid, name in parts(supervisor).items() if name == part)


def forget_peak(pid: int) -> None:
    """Has `peak_mb` begin anew. Source: proc(5), clear_refs."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def peak_mb(pid: int | str = "self") -> float:
    """Most resident memory that the process has had, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _part(pid: int) -> str:
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if named := _HOSTNAME.search(command):
            return f"worker {named[1]}"
        for part, sign in (
            ("redis", "redis-server"),
            ("redis", "valkey-server"),
            ("api", "api.cli api"),
            ("beat", " beat "),
        ):
            if sign in command:
                return part
    return "serve"
