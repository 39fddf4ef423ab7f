"""ONNX graphs without what exporters leave behind: ONNX Runtime's own simplifications, written down once."""

import tempfile
from pathlib import Path

import onnxruntime as ort

from pipeline.errors import ModelError

_FATAL = 4


def plain(raw: bytes) -> bytes:
    """The same network in ONNX's own operators, its constants computed, casts to the same type and pairs of transposes gone.

    Raises:
        ModelError: ONNX Runtime cannot read it.
    """
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "plain.onnx")
        options.optimized_model_filepath = str(path)
        try:
            ort.InferenceSession(raw, options, ["CPUExecutionProvider"])
        except Exception as error:
            # ONNX Runtime's exceptions share no base but Exception
            raise ModelError(f"the network cannot be simplified: {error}") from error
        return path.read_bytes()
