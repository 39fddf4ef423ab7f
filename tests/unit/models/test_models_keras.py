"""TensorFlow.js models in scripts: read without running them, rebuilt as ONNX."""

import base64
import json
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.models.convert.keras import layers_model
from pipeline.models.convert.tfjs_file import description, shard, weights

HEAD = "!function(e){e()}(function(){return function a(b){}({1:[function(require,module,exports){module."
RANDOM = np.random.default_rng(5)
KERNEL = RANDOM.normal(size=(3, 3, 3, 4)).astype(np.float32)
SCALE, SHIFT, MEAN = (RANDOM.normal(size=4).astype(np.float32) for _ in range(3))
VARIANCE = RANDOM.uniform(0.5, 2, 4).astype(np.float32)
DENSE = RANDOM.normal(size=(2 * 2 * 8, 3)).astype(np.float32)
BIAS = RANDOM.normal(size=3).astype(np.float32)


def script(text: str) -> str:
    return f"{HEAD}exports={text}}},{{}}]}},{{}},[1])(1)}});"


def layer(kind: str, name: str, *inputs: str, **config: Any) -> dict[str, Any]:
    nodes = [[[source, 0, 0, {}] for source in inputs]] if inputs else []
    return {"name": name, "class_name": kind, "config": {"name": name, **config}, "inbound_nodes": nodes}


def network() -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
    """Convolution, batch normalisation, both poolings side by side, one dense layer."""
    pool = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}
    layers = [
        layer("InputLayer", "picture", batch_input_shape=[None, 4, 4, 3]),
        layer(
            "Conv2D",
            "conv",
            "picture",
            strides=[1, 1],
            padding="same",
            dilation_rate=[1, 1],
            activation="linear",
            use_bias=False,
        ),
        layer("BatchNormalization", "norm", "conv", scale=True, center=True, epsilon=0.001),
        layer("Activation", "relu", "norm", activation="relu"),
        layer("MaxPooling2D", "most", "relu", **pool),
        layer("AveragePooling2D", "mean", "relu", **pool),
        layer("Concatenate", "both", "most", "mean", axis=3),
        layer("Flatten", "flat", "both"),
        layer("Dropout", "drop", "flat", rate=0.5),
        layer("Dense", "dense", "drop", activation="softmax", use_bias=True),
    ]
    arrays = {
        "conv/kernel": KERNEL,
        "norm/gamma": SCALE,
        "norm/beta": SHIFT,
        "norm/moving_mean": MEAN,
        "norm/moving_variance": VARIANCE,
        "dense/kernel": DENSE,
        "dense/bias": BIAS,
    }
    return layers, arrays


def scripts(layers: list[dict[str, Any]], arrays: dict[str, NDArray[Any]]) -> dict[str, str]:
    raw = b"".join(array.tobytes() for array in arrays.values())
    config = {"layers": layers, "output_layers": [[layers[-1]["name"], 0, 0]]}
    manifest = [{"weights": [{"name": n, "shape": list(a.shape), "dtype": "float32"} for n, a in arrays.items()]}]
    described = {"modelTopology": {"model_config": {"config": config}}, "weightsManifest": manifest}
    middle = len(raw) // 2
    halves = [base64.b64encode(part).decode() for part in (raw[:middle], raw[middle:])]
    return {
        "model.min.js": script(json.dumps(described)),
        "group1-shard1of2.min.js": script(f'"{halves[0]}"'),
        "group1-shard2of2.min.js": script(f'"{halves[1]}"'),
    }


def by_hand(pictures: NDArray[Any]) -> NDArray[Any]:
    """What the network of `network` gives, in plain numpy."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)))
    maps = sum(padded[:, y : y + 4, x : x + 4] @ KERNEL[y, x] for y in range(3) for x in range(3))
    maps = np.maximum((maps - MEAN) / np.sqrt(VARIANCE + 0.001) * SCALE + SHIFT, 0)
    blocks = maps.reshape(-1, 2, 2, 2, 2, 4)
    flat = np.concatenate([blocks.max((2, 4)), blocks.mean((2, 4))], axis=-1).reshape(len(pictures), -1)
    sums = np.exp(flat @ DENSE + BIAS)
    return sums / sums.sum(1, keepdims=True)


def test_the_rebuilt_network_computes_the_same() -> None:
    session = ort.InferenceSession(layers_model(scripts(*network())))
    pictures = RANDOM.uniform(size=(2, 4, 4, 3)).astype(np.float32)
    (found,) = session.run(None, {"image": pictures})
    np.testing.assert_allclose(found, by_hand(pictures), rtol=1e-4)


def test_an_object_literal_is_read_without_running_it() -> None:
    text = r'{a:!0,b:!1,c:[.5,-.25,1e-3,void 0],"d":"a:!0,{b:.5}\"",$e:{f:null}}'
    assert description(script(text)) == {
        "a": True,
        "b": False,
        "c": [0.5, -0.25, 0.001, None],
        "d": 'a:!0,{b:.5}"',
        "$e": {"f": None},
    }


@pytest.mark.parametrize("text", ["", "alert(1)", script("{a:alert(1)}"), script('"abcd"')])
def test_a_script_without_description_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="not the script"):
        description(text)


@pytest.mark.parametrize("text", ["", script("{}"), script('"abc"')])
def test_a_script_without_weights_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        shard(text)


def test_bytes_are_expanded_to_the_numbers_they_stand_for() -> None:
    quantised = {"scale": 0.5, "min": -1.0, "dtype": "uint8"}
    entry = {"name": "w", "shape": [2, 2], "dtype": "float32", "quantization": quantised}
    found = weights([{"weights": [entry]}], bytes([0, 1, 2, 255]))
    np.testing.assert_allclose(found["w"], [[-1, -0.5], [0, 126.5]])


@pytest.mark.parametrize("raw", [b"\0" * 3, b"\0" * 5])
def test_too_few_and_too_many_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(ModelError):
        weights([{"weights": [{"name": "w", "shape": [1], "dtype": "float32"}]}], raw)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda layers, _: layers.insert(3, layer("Lambda", "own", "norm")), "Lambda"),
        (lambda layers, _: layers[3]["config"].update(activation="mish"), "mish"),
        (lambda _, arrays: arrays.pop("dense/bias"), "dense/bias"),
        (lambda layers, _: layers.insert(1, layers[0]), "more inputs"),
    ],
)
def test_what_is_not_known_is_named(change: Any, told: str) -> None:
    layers, arrays = network()
    change(layers, arrays)
    with pytest.raises(ModelError, match=told):
        layers_model(scripts(layers, arrays))


def test_a_model_without_shards_is_refused() -> None:
    files = scripts(*network())
    with pytest.raises(ModelError, match="at least one shard"):
        layers_model({"model.min.js": files["model.min.js"]})
