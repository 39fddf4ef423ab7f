"""Runs of models and of whole videos on a device, each measured where it says that it is."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline import logs
from pipeline.analyze import analyze
from pipeline.devices import require_devices
from pipeline.errors import SetupError
from pipeline.media.limits import DecodeDevice, DecodeLimits
from pipeline.models.library import Library
from pipeline.models.placement import PROVIDERS, Device, Placement
from pipeline.models.session import OnnxSession
from pipeline.models.threads import cores
from pipeline.settings import Settings
from scripts import pulled
from scripts.model_times import distance

Arrays = Mapping[str, NDArray[Any]]
NO_DEVICE = 2
"""Exit status where there is nothing to measure."""
REQUESTS: Mapping[str, Mapping[str, Any]] = {"SegmentDetection": {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]}}


def require(devices: Sequence[Device]) -> list[DecodeDevice]:
    """Where videos can be decoded; ends the script where models cannot run on the devices."""
    for device in devices:
        try:
            require_devices(Settings(device=device, decode_device="cpu"))
        except SetupError as error:
            print(f"There is nothing to measure: {error}", file=sys.stderr)
            sys.exit(NO_DEVICE)
    try:
        require_devices(Settings(device="cpu", decode_device="cuda"))
    except SetupError as error:
        print(f"Decoding on the GPU is left out: {error}", file=sys.stderr)
        return ["cpu"]
    return ["cpu", "cuda"]


def placed(device: Device) -> Library:
    """The models, to be run on the device."""
    here = pulled.settings()
    return Library(here.models_path, here.accepted_licences, here.models_file, 1, Placement(device))


def compared(sessions: Mapping[str, OnnxSession], inputs: Arrays, rounds: int) -> dict[str, Any]:
    """Median milliseconds of a run by wall, how far answers are off, and how many nodes run on the GPU."""
    calls: dict[str, Callable[[], Sequence[NDArray[Any]]]] = {}
    for device, session in sessions.items():
        if device == "cuda":
            calls["cuda, plain"] = lambda session=session: session.run_unbound(inputs)
        calls[device] = lambda session=session: session.run(inputs)
    expected = calls["cpu"]()
    off = {way: distance(expected, call()) for way, call in calls.items() if way != "cpu"}
    nodes = next((session.nodes for device, session in sessions.items() if device != "cpu"), {})
    on_gpu = sum(number for provider, number in nodes.items() if provider != PROVIDERS["cpu"])
    return {"ms": _by_turns(calls, rounds), "off": off, "nodes": [on_gpu, sum(nodes.values())]}


def _by_turns(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Wall time: of a GPU the processor's time tells nothing."""
    took: dict[str, list[float]] = {way: [] for way in calls}
    for _ in range(rounds):
        for way, call in calls.items():
            begun = time.perf_counter()
            call()
            took[way].append((time.perf_counter() - begun) * 1000)
    return {way: statistics.median(several) for way, several in took.items()}


def one_run(video: Path, names: Sequence[str], device: Device, decoder: DecodeDevice) -> tuple[float, float]:
    """Seconds by wall and of the processor of a second run; the first one loads models and builds what they need."""
    logs.configure("WARNING", "console")
    library = placed(device)
    requests = {name: REQUESTS.get(name, {}) for name in names}
    limits, threads = replace(DecodeLimits(), device=decoder), cores() if device == "cpu" else 1
    for _ in range(2):
        begun, used = time.perf_counter(), time.process_time()
        analyze(video, requests, library, limits=limits, threads=threads)
        took = time.perf_counter() - begun, time.process_time() - used
    return took
