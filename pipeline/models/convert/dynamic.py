"""ONNX files published for one picture of one size at a time, freed from that."""

from collections.abc import Mapping

import onnx
from onnx import numpy_helper

from pipeline.errors import ModelError

BATCH = {0: "batch"}
BATCH_AND_SIZE = {0: "batch", 2: "height", 3: "width"}


def dynamic(raw: bytes) -> bytes:
    """The fully convolutional (N, C, H, W) network with free batch, height and width; weights are no longer inputs.

    Raises:
        ModelError: not an ONNX file with one picture as input.
    """
    return _freed(raw, BATCH_AND_SIZE)


def batched(raw: bytes) -> bytes:
    """The (N, C, H, W) network with a free batch; weights are no longer inputs.

    Raises:
        ModelError: not an ONNX file with one picture as input.
    """
    return _freed(raw, BATCH)


def _freed(raw: bytes, free: Mapping[int, str]) -> bytes:
    try:
        model = onnx.load_from_string(raw)
    except Exception as error:
        # protobuf's own errors differ between its implementations
        raise ModelError(f"not an ONNX file: {error}") from error
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in weights]:
        graph.input.remove(value)
    if len(graph.input) != 1 or len(graph.input[0].type.tensor_type.shape.dim) != 4:
        raise ModelError("the network's input is not one picture")
    for axis, name in free.items():
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    del graph.value_info[:]
    for output in graph.output:
        _forget_shape(output)
    _free_reshapes(graph)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the network does not work with other shapes: {error}") from error
    return bytes(model.SerializeToString())


def _forget_shape(value: onnx.ValueInfoProto) -> None:
    """Channels of maps (axis 1 of four) and of lists (last of three) stay what they were."""
    dims = value.type.tensor_type.shape.dim
    kept = 1 if len(dims) == 4 else len(dims) - 1
    for axis, dim in enumerate(dims):
        if axis != kept:
            dim.dim_param = f"{value.name}_{axis}"


def _free_reshapes(graph: onnx.GraphProto) -> None:
    """Reshapes to (1, -1, C) keep the batch instead: a 0 copies the dimension."""
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        shape = numpy_helper.to_array(tensor) if tensor.name in targets else None
        if shape is not None and len(shape) == 3 and shape[0] == 1:
            freed = shape.copy()
            freed[:2] = (0, -1)
            tensor.CopyFrom(numpy_helper.from_array(freed, tensor.name))
