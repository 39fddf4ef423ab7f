"""Graphs rewritten into the same arithmetic in operators that ONNX Runtime runs faster on a CPU.

Its convolutions work on blocks of 16 channels. What they do not know (PReLU, per-channel sums beside a convolution) costs them the
layout, and a single filter costs as much as sixteen. Every rewrite here is exact up to the rounding of float32, and leaves alone what it
does not recognise.
Source: ONNX Runtime, `core/optimizer/nchwc_transformer.cc`, and profiles of the models by operator.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from pipeline.errors import ModelError

Floats = NDArray[np.float32]

BLOCK = 16
"""Channels in a block where the processor has AVX-512; 8 elsewhere, which divides it."""
_ONNX = ("", "ai.onnx")
"""The names of ONNX's own operators."""


class Rewriting:
    """A model that is being rewritten in place.

    Args:
        raw: The ONNX file.
    """

    def __init__(self, raw: bytes) -> None:
        self.become(raw)

    def become(self, raw: bytes) -> None:
        """Goes on with another file."""
        self.model = onnx.load_from_string(raw)
        self.graph = self.model.graph
        self._nodes = [*self.graph.node]
        self._initial = {tensor.name: tensor for tensor in self.graph.initializer}
        self._given = {node.output[0]: node for node in self._nodes if node.op_type == "Constant"}

    def nodes(self, kind: str) -> list[onnx.NodeProto]:
        """The nodes of a kind, in order."""
        return [node for node in self._nodes if node.op_type == kind]

    def constant(self, name: str) -> NDArray[np.generic] | None:
        """The value of a tensor that is known beforehand; None for others."""
        if name in self._initial:
            return numpy_helper.to_array(self._initial[name])
        node = self._given.get(name)
        if node is None or node.attribute[0].name != "value":
            return None
        return numpy_helper.to_array(node.attribute[0].t)

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a tensor; None for inputs and constants."""
        return next((node for node in self._nodes if name in node.output), None)

    def consumers(self, name: str) -> list[onnx.NodeProto]:
        """The nodes that take a tensor, themselves or in a graph within them."""
        return [node for node in self._nodes if name in _taken(node)]

    def is_output(self, name: str) -> bool:
        """Whether the model answers with this tensor."""
        return any(value.name == name for value in self.graph.output)

    def private(self, name: str) -> bool:
        """Whether one node alone takes the tensor, and the model does not answer with it."""
        return not self.is_output(name) and sum(_taken(node).count(name) for node in self._nodes) == 1

    def add(self, name: str, values: NDArray[np.generic]) -> str:
        """A new constant, and its name, made unique."""
        while name in self._initial:
            name += "_"
        self._initial[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def replace(self, old: Sequence[onnx.NodeProto], new: Iterable[onnx.NodeProto]) -> None:
        """Puts `new` where the last of the `old` nodes is."""
        after = self._nodes[self._place(old[-1]) :]
        before = self._nodes[: -len(after)]
        kept = [[node for node in part if not any(node is each for each in old)] for part in (before, after)]
        self._nodes = [*kept[0], *new, *kept[1]]

    def _needed(self) -> list[onnx.NodeProto]:
        """The nodes that lead to answers, each behind those whose results it takes."""
        makers = {name: place for place, node in enumerate(self._nodes) for name in node.output if name}
        done: dict[int, None] = {}
        waiting = [makers[value.name] for value in reversed(self.graph.output) if value.name in makers]
        while waiting:
            wanted = _taken(self._nodes[waiting[-1]])
            missing = [makers[name] for name in wanted if name in makers and makers[name] not in done]
            waiting.extend(missing)
            if not missing:
                done.setdefault(waiting.pop())
        return [self._nodes[place] for place in done]

    def _place(self, sought: onnx.NodeProto) -> int:
        return next(place for place, node in enumerate(self._nodes) if node is sought)

    def finish(self) -> bytes:
        """The checked ONNX file, without nodes, constants and operator sets that lead to no answer.

        Raises:
            ModelError: the network was of a kind that a rewrite does not suit.
        """
        nodes = self._needed()
        used = {name for node in nodes for name in _taken(node)} | {value.name for value in self.graph.output}
        tensors = [tensor for name, tensor in self._initial.items() if name in used]
        inputs = [value for value in self.graph.input if value.name not in self._initial]
        fresh = helper.make_graph(nodes, self.graph.name, inputs, self.graph.output, tensors)
        self.graph.CopyFrom(fresh)
        self._forget_domains({node.domain for node in _all_nodes(self.graph)})
        try:
            onnx.checker.check_model(self.model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ModelError(f"the network cannot be rewritten: {error}") from error
        return bytes(self.model.SerializeToString())

    def _forget_domains(self, used: set[str]) -> None:
        """What wrote the file may name every operator set that it knows; a runtime that lacks one then refuses the file."""
        for opset in [each for each in self.model.opset_import if each.domain not in {*used, *_ONNX}]:
            self.model.opset_import.remove(opset)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The values of a node's attributes by name."""
    return {each.name: helper.get_attribute_value(each) for each in sorted(node.attribute, key=lambda each: each.name)}


def _within(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that a node carries, as loops and branches do."""
    return [graph for each in node.attribute for graph in (*([each.g] if each.HasField("g") else []), *each.graphs)]


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for inner in _within(node):
            yield from _all_nodes(inner)


def _taken(node: onnx.NodeProto) -> list[str]:
    """What a node takes, with all that the graphs within it name; an optional input that is not given has no name."""
    inner = [name for graph in _within(node) for each in graph.node for name in _taken(each)]
    answers = [value.name for graph in _within(node) for value in graph.output]
    return [name for name in (*node.input, *inner, *answers) if name]


def per_channel(values: NDArray[np.generic] | None, channels: int) -> Floats | None:
    """The (C,) values of a constant that is spread over the channels of (N, C, H, W); None where it is spread otherwise."""
    if values is None or values.dtype != np.float32 or values.ndim > 4:
        return None
    shape = (1,) * (4 - values.ndim) + values.shape
    if shape[0] != 1 or shape[1] not in (1, channels) or shape[2:] != (1, 1):
        return None
    return np.broadcast_to(values.reshape(shape[1]), channels).astype(np.float32)
