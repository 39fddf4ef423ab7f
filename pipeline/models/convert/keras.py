"""Keras models of convolutional classifiers as ONNX, from TensorFlow.js layers models and from HDF5 files.

Source: Keras 2's layers as it writes them, and tfjs-converter. Pictures are (batch, height, width, channels) there and (batch, channels,
height, width) here: the picture is turned once at the beginning, and once more where the maps become one list of numbers.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import ModelError
from pipeline.models.convert import hdf5
from pipeline.models.convert.tfjs_file import description, shard, weights

_OPSET, _IR = 17, 8
_PADS = {"same": "SAME_UPPER", "valid": "VALID"}
_ACTIVATIONS = {"relu": ("Relu", {}), "softmax": ("Softmax", {"axis": -1}), "sigmoid": ("Sigmoid", {})}


def layers_model(scripts: Mapping[str, str]) -> bytes:
    """The classifier as ONNX: `image` (batch, height, width, 3) float32 -> `output` (batch, classes) float32.

    Args:
        scripts: File name -> text; the description "model…" and the shards, which are taken in the order of their names.

    Raises:
        ModelError: not such a model, or a layer is not known.
    """
    models = [text for name, text in scripts.items() if name.startswith("model")]
    shards = [scripts[name] for name in sorted(scripts) if not name.startswith("model")]
    if len(models) != 1 or not shards:
        raise ModelError("a TensorFlow.js model has one description and at least one shard")
    described = description(models[0])
    arrays = weights(described["weightsManifest"], b"".join(shard(text) for text in shards))
    try:
        return _onnx(described["modelTopology"]["model_config"], arrays)
    except (KeyError, TypeError) as error:
        raise ModelError(f"not a layers model: {error} is missing") from error


def hdf5_model(raw: bytes) -> bytes:
    """The classifier of an HDF5 file as ONNX: `image` (batch, height, width, 3) float32 -> `output` (batch, classes) float32.

    Raises:
        ModelError: not such a model, or a layer is not known.
    """
    file = hdf5.read(raw)
    try:
        return _onnx(json.loads(file.texts["model_config"]), hdf5.weights(file.arrays))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"not a Keras model: {error}") from error


def _onnx(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    config = description["config"]
    return _Network(arrays).onnx(config["layers"], config["output_layers"])


class _Network:
    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._sides: list[int] = []
        self._kinds: Mapping[str, Callable[[Mapping[str, Any], Sequence[str]], str]] = {
            "InputLayer": self._input,
            "Conv2D": self._convolution,
            "DepthwiseConv2D": self._depthwise,
            "ZeroPadding2D": self._padding,
            "BatchNormalization": self._normalisation,
            "Activation": lambda config, inputs: self._activated(config, inputs[0]),
            "ReLU": self._clipped,
            "Add": lambda config, inputs: self._add("Sum", inputs, config["name"]),
            "MaxPooling2D": self._pooling("MaxPool"),
            "AveragePooling2D": self._pooling("AveragePool", count_include_pad=0),
            "Concatenate": lambda config, inputs: self._add("Concat", inputs, config["name"], axis=1),
            "Flatten": self._flatten,
            "Dense": self._dense,
            "Dropout": lambda config, inputs: inputs[0],
        }

    def onnx(self, layers: Sequence[Mapping[str, Any]], ends: Sequence[Sequence[Any]]) -> bytes:
        """The whole file."""
        made: dict[str, str] = {}
        for layer in layers:
            kind, config = layer["class_name"], layer["config"]
            if kind not in self._kinds:
                raise ModelError(f"the layer {kind} is not known")
            came_from = [made[source[0]] for source in (layer["inbound_nodes"] or [[]])[0]]
            made[layer["name"]] = self._kinds[kind](config, came_from)
        self._add("Identity", [made[ends[0][0]]], "output")
        picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *self._sides])
        answer = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", "classes"])
        graph = helper.make_graph(self._nodes, "classifier", [picture], [answer], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _input(self, config: Mapping[str, Any], _: Sequence[str]) -> str:
        if self._sides:
            raise ModelError("the network has more inputs than one picture")
        self._sides = list(config["batch_input_shape"][1:])
        return self._add("Transpose", ["image"], config["name"], perm=[0, 3, 1, 2])

    def _convolution(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        kernel = self._array(f"{config['name']}/kernel").transpose(3, 2, 0, 1)
        return self._convolved(config, inputs[0], kernel, 1)

    def _depthwise(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        """Every channel by itself: (height, width, channels, multiplier) in the file."""
        kernel = self._array(f"{config['name']}/depthwise_kernel")
        height, width, channels, many = kernel.shape
        turned = kernel.transpose(2, 3, 0, 1).reshape(channels * many, 1, height, width)
        return self._convolved(config, inputs[0], turned, channels)

    def _convolved(self, config: Mapping[str, Any], value: str, kernel: NDArray[Any], groups: int) -> str:
        name = config["name"]
        operands = [value, self._constant(f"{name}/w", kernel)]
        if config["use_bias"]:
            operands.append(self._constant(f"{name}/b", self._array(f"{name}/bias")))
        window = {"strides": config["strides"], "auto_pad": _PADS[config["padding"]]}
        size = list(kernel.shape[2:])
        convolved = self._add(
            "Conv", operands, f"{name}/c", kernel_shape=size, dilations=config["dilation_rate"], group=groups, **window
        )
        return self._activated(config, convolved)

    def _padding(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        (top, bottom), (left, right) = config["padding"]
        amounts = numpy_helper.from_array(
            np.array([0, 0, top, left, 0, 0, bottom, right], np.int64), f"{config['name']}/p"
        )
        self._constants.append(amounts)
        return self._add("Pad", [inputs[0], amounts.name], config["name"])

    def _clipped(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        """What is negative becomes 0, and what is greater than a limit the limit."""
        if config.get("threshold") or config.get("negative_slope"):
            raise ModelError("leaky activations are not known")
        if config.get("max_value") is None:
            return self._add("Relu", inputs, config["name"])
        limits = [self._constant(f"{config['name']}/{at}", np.array(at)) for at in (0.0, float(config["max_value"]))]
        return self._add("Clip", [inputs[0], *limits], config["name"])

    def _normalisation(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        name = config["name"]
        mean, variance = self._array(f"{name}/moving_mean"), self._array(f"{name}/moving_variance")
        scale = self._array(f"{name}/gamma") if config["scale"] else np.ones_like(mean)
        shift = self._array(f"{name}/beta") if config["center"] else np.zeros_like(mean)
        parts = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
        constants = [self._constant(f"{name}/{part}", values) for part, values in parts.items()]
        return self._add("BatchNormalization", [inputs[0], *constants], name, epsilon=config["epsilon"])

    def _pooling(self, kind: str, **attributes: Any) -> Callable[[Mapping[str, Any], Sequence[str]], str]:
        def convert(config: Mapping[str, Any], inputs: Sequence[str]) -> str:
            window = {"strides": config["strides"], "auto_pad": _PADS[config["padding"]]}
            return self._add(kind, inputs, config["name"], kernel_shape=config["pool_size"], **window, **attributes)

        return convert

    def _flatten(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        turned = self._add("Transpose", inputs, f"{config['name']}/t", perm=[0, 2, 3, 1])
        return self._add("Flatten", [turned], config["name"], axis=1)

    def _dense(self, config: Mapping[str, Any], inputs: Sequence[str]) -> str:
        name = config["name"]
        kernel = self._constant(f"{name}/w", self._array(f"{name}/kernel"))
        product = self._add("MatMul", [inputs[0], kernel], f"{name}/m")
        if config["use_bias"]:
            product = self._add("Add", [product, self._constant(f"{name}/b", self._array(f"{name}/bias"))], f"{name}/a")
        return self._activated(config, product)

    def _activated(self, config: Mapping[str, Any], value: str) -> str:
        """The layer's result after its activation."""
        wanted, name = config.get("activation") or "linear", f"{config['name']}/out"
        if wanted == "linear":
            return value
        if wanted not in _ACTIVATIONS:
            raise ModelError(f"the activation {wanted} is not known")
        kind, attributes = _ACTIVATIONS[wanted]
        return self._add(kind, [value], name, **attributes)

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            raise ModelError(f"there are no weights {name}")
        return self._arrays[name]

    def _constant(self, name: str, array: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def _add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output
