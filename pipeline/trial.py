"""`python -m pipeline.trial cuda cpu`: whether models run on the first device and videos can be decoded on the second.

A process of its own, because what has touched a GPU can no longer fork. Its last line says what is wrong.
"""

import sys
from typing import cast

import numpy as np

from pipeline.errors import ModelError, ReelsightError
from pipeline.media.hardware import require
from pipeline.media.limits import DecodeDevice
from pipeline.models.placement import Device, Placement
from pipeline.models.session import OnnxSession

SIDE = 8


def try_out(device: Device) -> None:
    """Passes where a convolution, which needs cuDNN too, gives the right answer on the device.

    Raises:
        ModelError: it cannot be loaded or run there, or answers wrongly.
    """
    session = OnnxSession(_model(), name="trial", version="1", placement=Placement(device))
    given = np.arange(3 * SIDE * SIDE, dtype=np.float32).reshape(1, 3, SIDE, SIDE)
    for factor in (1, 2):  # the second run uses what the first has made
        (found,) = session.run({"x": given * factor})
        if not np.allclose(found[0, 0], given[0].sum(axis=0) * factor):
            raise ModelError(f"{device} answers wrongly: its driver and its libraries may not fit each other")


def _model() -> bytes:
    """A convolution that adds three channels up."""
    from onnx import TensorProto, helper

    sides = [1, 3, SIDE, SIDE]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "trial",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor("w", TensorProto.FLOAT, [1, 3, 1, 1], [1.0, 1.0, 1.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def main() -> None:
    """Tries both; ends with status 1 where one is not to be had."""
    try:
        device, decode_device = sys.argv[1:]
        if device != "cpu":
            try_out(cast("Device", device))
        require(cast("DecodeDevice", decode_device))
    except ReelsightError as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main()
