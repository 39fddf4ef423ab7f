#!/usr/bin/env python3
"""What every service of compose.yaml takes in memory and processor time: idle, and over a job of all analyses of one video.

    python scripts/process_sizes.py VIDEO

Runs them without containers, as the tests do. Memory is that of all processes of a service together, in MiB: what is theirs alone
plus their share of what they have in common (PSS); "peak" is the highest that was seen twice a second.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from in_venv import enter

enter("test")

from botocore import xform_name
from main_job import JOBS

from pipeline.settings import Settings
from tests.support.many_machines import ManyMachines

TICKS = 100
"""Of processor time in a second. Source: proc(5), sysconf(_SC_CLK_TCK) on Linux."""
LOOK_S = 0.5


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Measures what the services of compose.yaml take.")
    parser.add_argument("video", type=Path)
    video = parser.parse_args().video
    with tempfile.TemporaryDirectory(prefix="reelsight-sizes-") as folder:
        service = ManyMachines(Path(folder, "many"), {"models_dir": str(Settings().models_path)})
        try:
            service.start(600)
            time.sleep(10)  # until nothing is being started any more
            idle = memory(service)
            begun = seconds(service)
            peak = run(service, video)
            spent = {name: value - begun.get(name, 0.0) for name, value in seconds(service).items()}
        finally:
            if service.process and service.process.poll() is None:
                service.stop()
            service.remove()
    print("| service | idle, MiB | peak, MiB | processor seconds |\n|---|---|---|---|")
    for name in sorted(idle):
        print(f"| {name} | {idle[name]:.0f} | {peak[name]:.0f} | {spent[name]:.1f} |")


def run(service: ManyMachines, video: Path) -> Mapping[str, float]:
    """The most memory of each service while all analyses of the video are done."""
    client, peak = service.client("rekognition"), memory(service)
    where = service.put("videos", video.name, video)
    started = {name: start(client, name, where, arguments) for name, arguments in JOBS.items()}
    while any(get(client, name, job) == "IN_PROGRESS" for name, job in started.items()):
        for name, value in memory(service).items():
            peak[name] = max(peak[name], value)
        time.sleep(LOOK_S)
    return peak


def start(client: Any, name: str, video: Any, arguments: Mapping[str, Any]) -> str:
    """JobId of an analysis."""
    return str(getattr(client, xform_name(f"Start{name}"))(Video=video, **arguments)["JobId"])


def get(client: Any, name: str, job: str) -> str:
    """JobStatus."""
    return str(getattr(client, xform_name(f"Get{name}"))(JobId=job)["JobStatus"])


def memory(service: ManyMachines) -> defaultdict[str, float]:
    """MiB by service."""
    found: defaultdict[str, float] = defaultdict(float)
    for pid, name in parts(service).items():
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found[name] += int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    return found


def seconds(service: ManyMachines) -> dict[str, float]:
    """Processor seconds by service, those of ended children included."""
    found: defaultdict[str, float] = defaultdict(float)
    for pid, name in parts(service).items():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] += sum(int(field) for field in fields[11:13]) / TICKS
    return found


def parts(service: ManyMachines) -> dict[int, str]:
    """pid -> service or replica."""
    named = {pid: service.part(pid) for pid in service.processes()}
    return {pid: name for pid, name in named.items() if name}


if __name__ == "__main__":
    main()
