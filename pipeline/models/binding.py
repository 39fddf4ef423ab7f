"""Runs of a session with inputs that have their place on the device.

`InferenceSession.run` takes memory on the device for every call. Here each shape of inputs keeps its own: it is filled, the model runs,
and the outputs come to the machine's memory once, because whoever looks at them does so there (`pipeline.detect` computes in numpy).
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Kind = tuple[tuple[str, tuple[int, ...], str], ...]

MOST_BYTES = 256 * 1024**2
"""Memory on the device that inputs of one session keep between runs; what was used last is kept."""


class _Bound:
    """Inputs of one shape, with their place on the device; for one call at a time."""

    def __init__(self, session: ort.InferenceSession, outputs: Sequence[str], device: str, kind: Kind) -> None:
        self.kind = kind
        self._session, self._outputs = session, outputs
        self._binding = session.io_binding()
        self._places = {
            name: ort.OrtValue.ortvalue_from_shape_and_type(shape, np.dtype(dtype).type, device, 0)
            for name, shape, dtype in kind
        }
        self.bytes = sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for _, shape, dtype in kind)
        for name, place in self._places.items():
            self._binding.bind_ortvalue_input(name, place)

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        """The outputs, in memory of their own: ONNX Runtime makes it anew for each run, and copies once from the device."""
        for name, place in self._places.items():
            place.update_inplace(inputs[name])
        self._binding.synchronize_inputs()
        for name in self._outputs:
            self._binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(self._binding)
        return [value.numpy() for value in self._binding.get_outputs()]


class Bindings:
    """Runs a session for any number of threads; no two calls at once share a place on the device.

    Args:
        session: The model.
        device: ONNX Runtime's word for where inputs lie: "cuda", or "cpu".
        most_bytes: What all shapes together may keep.
    """

    def __init__(self, session: ort.InferenceSession, device: str, most_bytes: int = MOST_BYTES) -> None:
        self._session, self._device, self._most_bytes = session, device, most_bytes
        self._outputs = [output.name for output in session.get_outputs()]
        self._lock = threading.Lock()
        self._free: list[_Bound] = []

    @property
    def kept_bytes(self) -> int:
        """Memory on the device that is kept for runs to come."""
        with self._lock:
            return sum(bound.bytes for bound in self._free)

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        """The model's outputs, in its order. What failed is not used again."""
        arrays = {name: np.asarray(array, order="C") for name, array in inputs.items()}
        kind = tuple((name, array.shape, array.dtype.str) for name, array in arrays.items())
        bound = self._taken(kind) or _Bound(self._session, self._outputs, self._device, kind)
        found = bound.run(arrays)
        self._give_back(bound)
        return found

    def _taken(self, kind: Kind) -> _Bound | None:
        with self._lock:
            for bound in reversed(self._free):
                if bound.kind == kind:
                    self._free.remove(bound)
                    return bound
        return None

    def _give_back(self, bound: _Bound) -> None:
        with self._lock:
            self._free.append(bound)
            while sum(one.bytes for one in self._free) > self._most_bytes:
                self._free.pop(0)
