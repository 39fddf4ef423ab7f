#!/usr/bin/env python3
"""What each model costs: calls, processor time per call with one thread, alone and in batches, and the work around it.

    scripts/bench_models.py [--video VIDEO] [--analyses labels,faces] [--model NAME ...] [--batches 1 2 4 8] [--openvino [--precision bf16]]
                            [--rewrites] [--rounds 7] [--json FILE]

With a video: what its analyses ask of each model, and what their detectors do around it; its inputs are then those that are timed. Without
one they are drawn, in the shapes that a picture of 16:9 gives. `--openvino` runs the same inputs by turns in OpenVINO, which
must be installed, and says how far its answers are off; `--rewrites` fetches the same networks anew, and runs them by turns as their
recipes make them, before any rewrite. Figures are medians; machines are noisy: read the ratios, not the milliseconds.
"""

import in_venv

in_venv.enter()

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import logs
from pipeline.catalog import OPERATIONS
from pipeline.models.library import Library
from pipeline.models.session import OnnxSession
from scripts import pulled
from scripts.model_calls import Calls, counted_calls
from scripts.model_times import around, by_turns, distance, line

Inputs = Mapping[str, NDArray[Any]]

BATCHES = (1, 2, 4, 8)
FREE = {"objects-picodet-s": (512, 640), "face-yunet": (384, 672), "text-boxes-ppocrv6-tiny": (544, 960)}
"""Height and width that the detectors give models of free size for pictures of 16:9."""
USUAL = (160, 160)
LINE = (320,)


def main() -> None:
    """Measures and prints."""
    arguments = _arguments()
    logs.configure("WARNING", "console")
    library = pulled.library(threads=1)
    calls = _calls(arguments, library)
    names = arguments.model or sorted(calls.inputs if calls else _default(library))
    rows = []
    for name in names:
        inputs = calls.inputs[name] if calls and name in calls.inputs else drawn(library, name)
        rows.append(measured(library, name, inputs, arguments))
        print(line(rows[-1], calls), flush=True)
    if calls:
        print("\n".join(["", *around(calls)]))
    load = os.getloadavg()[0]
    print(f"load {load:.1f}")
    if arguments.json:
        stages = calls.stages if calls else {}
        counted = dict(calls.calls) if calls else {}
        report = {"models": rows, "calls": counted, "stages": stages, "load": load}
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--analyses", default=",".join(o.analysis for o in OPERATIONS.values()))
    parser.add_argument("--model", nargs="+")
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--openvino", action="store_true")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="of OpenVINO")
    parser.add_argument("--rewrites", action="store_true", help="compare with the graphs before their rewrites")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.video and not arguments.video.is_file():
        parser.error(f"{arguments.video} is not a file")
    known = {operation.analysis for operation in OPERATIONS.values()}
    if unknown := set(arguments.analyses.split(",")) - known:
        parser.error(f"no analyses are called {', '.join(sorted(unknown))}; choose from {', '.join(sorted(known))}")
    return arguments


def _calls(arguments: argparse.Namespace, library: Library) -> Calls | None:
    if not arguments.video:
        return None
    wanted = arguments.analyses.split(",")
    names = [operation.name for operation in OPERATIONS.values() if operation.analysis in wanted]
    return counted_calls(arguments.video, names, library)


def _default(library: Library) -> list[str]:
    return [entry.name for entry in library.entries.values() if entry.default and library.has(entry.name)]


def drawn(library: Library, name: str) -> Inputs:
    """One input of a model by name, of the type and the size that it takes."""
    session, random = library.load(name), np.random.default_rng(7)
    layout = library.entries[name].layout
    inputs = {}
    for key, shape in session.inputs.items():
        free = iter(LINE if "text-lines" in name else FREE.get(name, USUAL))
        sides = [1, *(side if isinstance(side, int) else next(free) for side in shape[1:])]
        whole = "uint8" in layout.split(key, 1)[-1][:60]
        inputs[key] = random.integers(0, 256, sides, np.uint8) if whole else random.random(sides, np.float32)
    return inputs


def measured(library: Library, name: str, inputs: Inputs, how: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of the processor per row, by batch; with OpenVINO also its ratio and how far its answers are off."""
    session = library.load(name)
    row: dict[str, Any] = {"model": name, "shape": [int(side) for side in next(iter(inputs.values())).shape]}
    single = {key: array[:1] for key, array in inputs.items()}
    free = not any(isinstance(shape[0], int) for shape in (*session.inputs.values(), *session.outputs.values()))
    rivals: dict[str, Callable[[], Any]] = {}
    for size in sorted({1, *how.batches}) if free else [1]:
        batch = {key: np.repeat(array, size, axis=0) for key, array in single.items()}
        rivals[str(size)] = lambda batch=batch: session.run(batch)
    if how.openvino:
        other = in_openvino(library, name, how.precision)
        rivals["openvino"] = lambda: other(single)
        row["off"] = distance(session.run(single), other(single))
    if how.rewrites and library.entries[name].rewrites:
        before = without_rewrites(library, name)
        rivals["before"] = lambda: before.run(single)
        row["moved"] = distance(before.run(single), session.run(single))
    spent = by_turns(rivals, how.rounds)
    row["ms"] = {size: spent[size] / int(size) for size in rivals if size.isdigit()}
    if how.openvino:
        row["openvino_ms"] = spent["openvino"]
        row["ratio"] = row["openvino_ms"] / row["ms"]["1"]
    if "before" in spent:
        row["before_ms"], row["rewritten"] = spent["before"], row["ms"]["1"] / spent["before"]
    return row


def without_rewrites(library: Library, name: str) -> OnnxSession:
    """The model as its recipe makes it, pulled into a folder of its own."""
    entry = replace(library.entries[name], rewrites=())
    with tempfile.TemporaryDirectory() as folder:
        other = Library(Path(folder), [entry.licence], manifest={name: entry})
        other.pull([name])
        return other.load(name)


def in_openvino(library: Library, name: str, precision: str) -> Callable[[Inputs], list[NDArray[Any]]]:
    """The model run by OpenVINO with one thread, its outputs in the order of the model file."""
    try:
        import openvino
    except ImportError:
        raise SystemExit("OpenVINO is not installed: pip install openvino") from None
    core, path = openvino.Core(), next(status.path for status in library.status() if status.name == name)
    how = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1"}
    compiled = core.compile_model(core.read_model(path), "CPU", how)
    request, outputs = compiled.create_infer_request(), [*library.load(name).outputs]

    def run(inputs: Inputs) -> list[NDArray[Any]]:
        found = request.infer(dict(inputs))
        return [np.array(found[compiled.output(output)]) for output in outputs]

    return run


if __name__ == "__main__":
    main()
