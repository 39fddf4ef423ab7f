"""The only door to ONNX Runtime.

A session does not survive a fork: load models in the process that runs them. Any number of threads may call one.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.errors import ModelError

Device = Literal["cpu", "cuda", "tensorrt"]

_ERROR = 3
_PROVIDERS: Mapping[Device, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_AS_REQUESTED = 1
"""The arena grows by what is asked for, not to the next power of two."""


class OnnxSession:
    """A loaded ONNX model.

    Args:
        raw: The ONNX file.
        name: What messages call the model.
        version: What results report.
        threads: Threads inside one operator; operators run one after another.
        cache_dir: Where TensorRT keeps the engines it builds; None: nowhere.

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
        device: Device = "cpu",
        cache_dir: str | None = None,
    ) -> None:
        _prepare(device)
        self._name = name
        self._version = version
        try:
            self._session = ort.InferenceSession(raw, _options(threads, device), _providers(device, cache_dir))
        except Exception as error:
            # ONNX Runtime's exceptions share no base but Exception
            raise ModelError(f"model {name} cannot be loaded on {device}: {error}") from error
        self._session.disable_fallback()
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        if self.providers[0] != _PROVIDERS[device]:
            raise ModelError(f"model {name} was to run on {device}, ONNX Runtime chose {self.providers[0]}; {_ADVICE}")
        self._outputs = [output.name for output in self._session.get_outputs()]

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
        try:
            found: list[NDArray[Any]] = self._session.run(self._outputs, dict(inputs))
        except Exception as error:
            given = ", ".join(f"{name} {np.shape(array)} {np.asarray(array).dtype}" for name, array in inputs.items())
            raise ModelError(f"model {self._name} failed on {given}: {error}") from error
        return found

    def __reduce__(self) -> str:
        raise TypeError("a loaded model belongs to its process; load it where it runs")


def devices() -> tuple[str, ...]:
    """The devices that the installed ONNX Runtime was built for."""
    available = ort.get_available_providers()
    return tuple(device for device, provider in _PROVIDERS.items() if provider in available)


_ADVICE = "install the extra `gpu`, check the driver and CUDA libraries, or set the device to cpu"


def _prepare(device: Device) -> None:
    _quiet()
    if device not in devices():
        raise ModelError(f"ONNX Runtime here cannot use {device}; {_ADVICE}")
    if device != "cpu" and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()


@functools.cache
def _quiet() -> None:
    """Once per process: no chatter, no telemetry, one arena for all sessions."""
    ort.set_default_logger_severity(_ERROR)
    ort.disable_telemetry_events()
    arena = ort.OrtArenaCfg({"arena_extend_strategy": _AS_REQUESTED})
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, arena)


def _options(threads: int, device: Device) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = _ERROR
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Patterns of memory are remembered per shape of the inputs: pictures of many sizes would pile them up.
    options.enable_mem_pattern = device != "cpu"
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Waiting threads sleep: the cores belong to the decoder meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(device: Device, cache_dir: str | None) -> list[tuple[str, dict[str, str]]]:
    cuda = (_PROVIDERS["cuda"], {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"})
    if device == "tensorrt":
        kept = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": cache_dir} if cache_dir else {}
        return [(_PROVIDERS["tensorrt"], kept), cuda, (_PROVIDERS["cpu"], {})]
    # Shape arithmetic stays on the CPU even on a GPU; that is no fallback.
    return [cuda, (_PROVIDERS["cpu"], {})] if device == "cuda" else [(_PROVIDERS["cpu"], {})]
