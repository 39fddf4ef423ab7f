"""Products of byte matrices in whole numbers, through ONNX Runtime: four times less to read than float32."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pipeline.models.session import OnnxSession

ZERO = 128
"""The byte that stands for 0 in the left matrix."""
MAX_RIGHT = 64
"""Greatest number, by amount, in the right matrix: where there is no VNNI, ONNX Runtime adds two products of a byte and a
signed byte in 16 bits. Source: ONNX Runtime, "Quantize ONNX models", on U8S8 and saturation."""


def byte_products(left: NDArray[np.uint8], right: NDArray[np.int8]) -> NDArray[np.int32]:
    """(left - ZERO) @ right, exactly.

    Args:
        left: (N, D) contiguous.
        right: (D, Q), from -MAX_RIGHT to MAX_RIGHT.
    """
    (found,) = _session().run({"left": left, "right": right})
    return found


@cache
def _session() -> "OnnxSession":
    """Made on first use, which must be after forking. One thread: reading memory is what takes the time."""
    from onnx import TensorProto, helper  # many who know the codes never multiply any

    from pipeline.models.session import OnnxSession

    inputs = [
        helper.make_tensor_value_info("left", TensorProto.UINT8, ["rows", "dimensions"]),
        helper.make_tensor_value_info("right", TensorProto.INT8, ["dimensions", "columns"]),
    ]
    outputs = [helper.make_tensor_value_info("found", TensorProto.INT32, ["rows", "columns"])]
    zero = helper.make_tensor("zero", TensorProto.UINT8, [], [ZERO])
    node = helper.make_node("MatMulInteger", ["left", "right", "zero"], ["found"])
    graph = helper.make_graph([node], "products", inputs, outputs, [zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return OnnxSession(model.SerializeToString(), name="byte products", version="1", threads=1)
