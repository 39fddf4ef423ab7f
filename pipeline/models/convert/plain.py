"""ONNX graphs without what exporters leave behind: ONNX Runtime's own simplifications, written down once."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.rewriting import Rewriting, attributes

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


def known_sizes(graph: Rewriting) -> bool:
    """Whether sides of tensors that are asked for at run time, though the file fixes them, have become constants."""
    shapes = _shapes(graph.model)
    found = False
    for gather in graph.nodes("Gather"):
        asked, place = graph.producer(gather.input[0]), graph.constant(gather.input[1])
        if (
            asked is None
            or place is None
            or place.ndim
            or asked.op_type != "Shape"
            or attributes(asked).get("start", 0)
        ):
            continue
        sides = shapes.get(asked.input[0], [])
        side = sides[int(place)] if -len(sides) <= int(place) < len(sides) else None
        if side is not None and "end" not in attributes(asked):
            known = numpy_helper.from_array(np.array(side, np.int64))
            graph.replace([gather], [helper.make_node("Constant", [], [gather.output[0]], value=known)])
            found = True
    return found


def _shapes(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """The sides of tensors, None where they are free."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    known = [value for value in (*graph.input, *graph.value_info) if value.type.tensor_type.HasField("shape")]
    return {value.name: [_side(dim) for dim in value.type.tensor_type.shape.dim] for value in known}


def _side(dim: onnx.TensorShapeProto.Dimension) -> int | None:
    return int(dim.dim_value) if dim.HasField("dim_value") else None
