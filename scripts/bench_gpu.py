#!/usr/bin/env python3
"""What an NVIDIA GPU gains: each model and whole runs, on the CPU, in CUDA, in TensorRT, decoded by the CPU and by NVDEC.

    scripts/bench_gpu.py VIDEO [--analyses labels,faces] [--model NAME ...] [--batches 1 8] [--tensorrt] [--rounds 7] [--repeat 3]
                         [--json FILE]

Models are run by turns on the same drawn inputs; the first run of each, which makes room, builds engines and warms up, does not count. A
session that does not get its device, or leaves work to the CPU, ends the script: nothing is measured elsewhere than it says. Whole runs are
made by turns too, each in a fresh process that has loaded its models before the clock starts. Where there is no GPU the script says so and
ends with status 2. TensorRT comes in with `--tensorrt`, as building its engines takes minutes for each model and batch.
"""

import in_venv

in_venv.enter()

import argparse
import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from pipeline import logs
from pipeline.catalog import OPERATIONS
from pipeline.media.limits import DecodeDevice
from pipeline.models.library import Library
from pipeline.models.placement import Device
from pipeline.models.threads import cores
from scripts import gpu_arguments, pulled
from scripts.bench_models import drawn
from scripts.gpu_figures import WAYS, models_table, runs_table
from scripts.gpu_runs import compared, one_run, placed, require


def main() -> None:
    """Measures and prints."""
    arguments = gpu_arguments.parsed(__doc__)
    logs.configure("WARNING", "console")
    devices: list[Device] = ["cuda", *(["tensorrt"] if arguments.tensorrt else [])]  # type: ignore[list-item]
    decoders = require(devices)
    library = pulled.library(threads=cores())
    libraries = {"cpu": library} | {device: placed(device) for device in devices}
    rows = list(measured(libraries, arguments))
    print("\n".join(models_table(rows, ["cpu", *(way for way in WAYS[1:] if way.split(",")[0] in devices)])))
    runs = whole_runs(arguments, devices, decoders)
    print("\n".join(["", *runs_table(runs)]))
    report = {"models": rows, "runs": runs, "cores": cores(), "load": os.getloadavg()[0]}
    print(f"\n{report['cores']} cores, load {report['load']:.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def measured(libraries: Mapping[str, Library], how: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each model and batch: see `models_table`."""
    library = libraries["cpu"]
    default = [entry.name for entry in library.entries.values() if entry.default and library.has(entry.name)]
    for name in how.model or default:
        sessions = {device: each.load(name) for device, each in libraries.items()}
        shapes = (*sessions["cpu"].inputs.values(), *sessions["cpu"].outputs.values())
        free = not any(isinstance(shape[0], int) for shape in shapes)
        for size in sorted(set(how.batches)) if free else [1]:
            inputs = {key: np.repeat(array[:1], size, axis=0) for key, array in drawn(library, name).items()}
            yield {"model": name, "batch": size, **compared(sessions, inputs, how.rounds)}


def whole_runs(how: argparse.Namespace, devices: Sequence[Device], decoders: Sequence[DecodeDevice]) -> list[dict[str, Any]]:  # fmt: skip
    """Medians of runs of all analyses: see `runs_table`."""
    wanted = how.analyses.split(",")
    names = [operation.name for operation in OPERATIONS.values() if operation.analysis in wanted]
    pairs = [(device, decoder) for decoder in decoders for device in ("cpu", *devices)]
    took: dict[tuple[str, str], list[tuple[float, float]]] = {pair: [] for pair in pairs}
    for _ in range(how.repeat):
        for device, decoder in pairs:
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                took[device, decoder].append(fresh.submit(one_run, how.video, names, device, decoder).result())
    return [
        {"device": device, "decode_device": decoder,
         "wall_s": statistics.median(wall for wall, _ in several), "cpu_s": statistics.median(cpu for _, cpu in several)}
        for (device, decoder), several in took.items()
    ]  # fmt: skip


if __name__ == "__main__":
    main()
