"""The only door to ONNX Runtime.

A session does not survive a fork: load models in the process that runs them. Any number of threads may call one.
"""

import ctypes
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.models import assignment
from pipeline.models.binding import Bindings
from pipeline.models.placement import ADVICE, PROVIDERS, Placement
from pipeline.process import long_work

_ERROR = 3
_AS_REQUESTED = 1
"""The arena grows by what is asked for, not to the next power of two."""


class OnnxSession:
    """A loaded ONNX model.

    Args:
        raw: The ONNX file.
        name: What messages call the model.
        version: What results report.
        threads: Threads inside one operator; operators run one after another.
        placement: Where it runs.

    Attributes:
        providers: ONNX Runtime's names of the devices that it may use, the one that was asked for first.
        nodes: Provider -> nodes of the graph that it runs; empty where that is not known, as on the CPU.

    Raises:
        ModelError: not a model, or the device is not to be had; nothing falls back to another device silently.
    """

    def __init__(
        self,
        raw: bytes,
        *,
        name: str,
        version: str,
        threads: int = 1,
        placement: Placement = Placement(),  # noqa: B008
    ) -> None:
        _prepare(placement)
        self._name = name
        self._version = version
        self._placement = placement
        self._seen: set[tuple[tuple[int, ...], ...]] = set()
        try:
            with self._maybe_building(()):
                self._session = ort.InferenceSession(
                    raw, _options(threads, placement), placement.providers(), enable_fallback=False
                )
        except Exception as error:
            # ONNX Runtime's exceptions share no base but Exception
            reason = _reason(placement) if placement.on_gpu else ""
            advice = (
                f"{reason}; {ADVICE}" if reason else ""
            )  # a broken file, or memory, is not mended by another package
            raise ModelError(f"model {name} cannot be loaded on {placement.device}: {error}{advice}") from error
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        self.nodes: Mapping[str, int] = {}
        self._check_place()
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._bindings = Bindings(self._session, "cuda") if placement.on_gpu else None

    @property
    def version(self) -> str:
        """Version that results report."""
        return self._version

    @property
    def metadata(self) -> Mapping[str, str]:
        """Key-value texts stored inside the model file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def inputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """Shapes by name; free dimensions are names or None."""
        return {value.name: tuple(value.shape) for value in self._session.get_inputs()}

    @property
    def outputs(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """Shapes by name, in the order `run` returns them."""
        return {value.name: tuple(value.shape) for value in self._session.get_outputs()}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The model's outputs in the order of the model file.

        Raises:
            ModelError: the inputs do not fit the model, or it fails on them.
        """
        if self._bindings is None:
            return self.run_unbound(inputs)
        try:
            with self._maybe_building(tuple(np.shape(array) for array in inputs.values())):
                return self._bindings.run(inputs)
        except Exception as error:
            raise self._failure(inputs, error) from error

    def run_unbound(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """See `run`; ONNX Runtime makes room on the device anew for every call. The same on the CPU.

        Raises:
            ModelError: see `run`.
        """
        try:
            found: list[NDArray[Any]] = self._session.run(self._outputs, dict(inputs))
        except Exception as error:
            raise self._failure(inputs, error) from error
        return found

    def _failure(self, inputs: Mapping[str, NDArray[Any]], error: Exception) -> ModelError:
        given = ", ".join(f"{name} {np.shape(array)} {np.asarray(array).dtype}" for name, array in inputs.items())
        return ModelError(f"model {self._name} failed on {given}: {error}")

    @contextmanager
    def _maybe_building(self, shapes: tuple[tuple[int, ...], ...]) -> Iterator[None]:
        """TensorRT builds engines while it loads a model, and when a shape comes for the first time: minutes without a sign."""
        is_new = self._placement.device == "tensorrt" and shapes not in self._seen
        with long_work() if is_new else nullcontext():
            yield
        if is_new:
            self._seen.add(shapes)

    def _check_place(self) -> None:
        """Passes where the model got the device that was asked for.

        Raises:
            ModelError: it, or much of it, was left to another.
        """
        place = self._placement
        if self.providers[0] != place.provider:
            raise ModelError(
                f"model {self._name} was to run on {place.device}, ONNX Runtime chose {self.providers[0]}"
                f"{_reason(place)}; {ADVICE}"
            )
        if place.on_gpu and (found := assignment.assigned(self._session)) is not None:
            assignment.check(self._name, place, found)
            self.nodes = assignment.nodes(found)

    def __reduce__(self) -> str:
        raise TypeError("a loaded model belongs to its process; load it where it runs")


def devices() -> tuple[str, ...]:
    """The devices that the installed ONNX Runtime was built for."""
    available = ort.get_available_providers()
    return tuple(device for device, provider in PROVIDERS.items() if provider in available)


def _prepare(placement: Placement) -> None:
    _quiet()
    if placement.device not in devices():
        raise ModelError(f"the ONNX Runtime that is installed cannot use {placement.device}; {ADVICE}")
    if placement.on_gpu:
        # Read by NVIDIA's libraries when they are loaded. TensorRT has no option for it here, and rounds unless told otherwise.
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()


def _reason(placement: Placement) -> str:
    """Why ONNX Runtime cannot load the device's provider, as far as the system's loader tells; ONNX Runtime itself only logs it."""
    folder = Path(ort.__file__).parent / "capi"
    for library in ("shared", placement.device):
        try:
            ctypes.CDLL(str(folder / f"libonnxruntime_providers_{library}.so"), ctypes.RTLD_GLOBAL)
        except OSError as error:
            return f" ({error})"
    return ""


@functools.cache
def _quiet() -> None:
    """Once per process: no chatter, no telemetry, one arena for all sessions."""
    ort.set_default_logger_severity(_ERROR)
    ort.disable_telemetry_events()
    arena = ort.OrtArenaCfg({"arena_extend_strategy": _AS_REQUESTED})
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, arena)


def _options(threads: int, placement: Placement) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = _ERROR
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Patterns of memory are remembered per shape of the inputs: pictures of many sizes would pile them up.
    options.enable_mem_pattern = placement.on_gpu
    if placement.on_gpu:
        options.add_session_config_entry(assignment.RECORD, "1")
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Waiting threads sleep: the cores belong to the decoder meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
