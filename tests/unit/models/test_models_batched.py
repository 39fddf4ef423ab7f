"""Networks for one picture at a time, freed to take several."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.dynamic import batched
from pipeline.models.session import OnnxSession

WEIGHTS = np.arange(60, dtype=np.float32).reshape(12, 5) / 60


def head(channels: int = 3) -> bytes:
    """A picture of 2 by 2 pixels, flattened and multiplied, for a batch of one; the weights are listed among the inputs."""
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    inputs = [("x", [1, channels, 2, 2]), ("w", [12, 5])]
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_several_pictures_are_answered_as_one_by_one() -> None:
    free = OnnxSession(batched(head()), name="free", version="1")
    assert free.inputs == {"x": ("batch", 3, 2, 2)}
    pictures = np.random.default_rng(0).random((4, 3, 2, 2), np.float32)
    (found,) = free.run({"x": pictures})
    np.testing.assert_allclose(found, pictures.reshape(4, 12) @ WEIGHTS, rtol=1e-6)


def test_the_size_of_the_picture_stays() -> None:
    free = OnnxSession(batched(head()), name="free", version="1")
    with pytest.raises(ModelError, match="model free failed on"):
        free.run({"x": np.zeros((1, 3, 4, 4), np.float32)})


def test_what_takes_no_picture_is_refused() -> None:
    model = onnx.load_from_string(head())
    del model.graph.input[0].type.tensor_type.shape.dim[0]
    with pytest.raises(ModelError, match="input is not one picture"):
        batched(model.SerializeToString())
    with pytest.raises(ModelError, match="not an ONNX file"):
        batched(b"rubbish")
