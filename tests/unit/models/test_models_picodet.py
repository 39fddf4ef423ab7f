import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert.picodet import picodet
from pipeline.models.session import OnnxSession
from tests.support.models import adding

SIDE = 128
STRIDES = (8, 16, 32, 64)
RANDOM = np.random.default_rng(3)


def fixed_detector() -> bytes:
    """A detector of PicoDet's anatomy for one picture of 128 x 128: pooling and 1 x 1 convolutions, suppression at the end."""
    nodes, tensors, scores, distances = [], [], [], []

    def tensor(name: str, values: np.ndarray) -> str:
        tensors.append(numpy_helper.from_array(values, name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    for stride in STRIDES:
        cells = (SIDE // stride) ** 2
        pooled = node("AveragePool", ["image"], f"pool{stride}", kernel_shape=[stride] * 2, strides=[stride] * 2)
        for kind, width, kept in (("score", 80, scores), ("distance", 4, distances)):
            weights = tensor(f"{kind}w{stride}", RANDOM.random((width, 3, 1, 1)).astype(np.float32))
            found = node("Conv", [pooled, weights], f"{kind}map{stride}")
            if kind == "distance":
                found = node("Transpose", [found], f"turned{stride}", perm=[0, 2, 3, 1])
            shape = [-1, 80, cells] if kind == "score" else [-1, cells, 4]
            target = tensor(f"{kind}shape{stride}", np.array(shape, np.int64))
            kept.append(node("Reshape", [found, target], f"{kind}{stride}"))
    node("Concat", scores, "all_scores", axis=2)
    node("Concat", distances, "all_distances", axis=1)
    nodes.append(
        helper.make_node(
            "Split", ["all_distances", tensor("halves", np.array([2, 2], np.int64))], ["low", "high"], axis=2
        )
    )
    node("Concat", ["low", "high"], "boxes", axis=2)
    limits = [
        tensor("most", np.array([9], np.int64)),
        tensor("iou", np.float32([0.6])),
        tensor("least", np.float32([0])),
    ]
    node("NonMaxSuppression", ["boxes", "all_scores", *limits], "chosen")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    chosen = helper.make_tensor_value_info("chosen", TensorProto.INT64, ["n", 3])
    graph = helper.make_graph(nodes, "detector", [image], [chosen], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def with_outputs(raw: bytes, names: list[str]) -> bytes:
    model = onnx.load_from_string(raw)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return bytes(model.SerializeToString())


def test_the_freed_network_computes_the_same_for_a_batch_and_other_sizes() -> None:
    raw = fixed_detector()
    fixed = OnnxSession(with_outputs(raw, ["all_scores", "all_distances"]), name="fixed", version="1")
    freed = OnnxSession(picodet(raw), name="freed", version="1")
    pictures = RANDOM.random((3, 3, SIDE, SIDE)).astype(np.float32)
    scores, *distances = freed.run({"image": pictures})
    joined = np.concatenate([d.reshape(3, -1, 4) for d in distances], axis=1)
    for k in range(3):
        expected_scores, expected_distances = fixed.run({"image": pictures[k : k + 1]})
        assert np.allclose(scores[k], expected_scores[0], atol=1e-5)
        assert np.allclose(joined[k], expected_distances[0], atol=1e-5)
    wide = freed.run({"image": np.zeros((2, 3, 128, 320), np.float32)})
    assert wide[0].shape == (2, 80, sum(128 * 320 // s**2 for s in STRIDES))


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="PicoDet"):
        picodet(adding())
