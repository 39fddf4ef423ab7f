"""AWS JSON 1.1: from the wire to values and back, by shape.

The counterpart of botocore's serializer and parser. Blobs are base64, timestamps seconds since the epoch; members the
shape does not know are ignored on the way in and refused on the way out.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from pipeline.errors import RequestError

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What JSON can spell and databases and files cannot hold: NUL, and halves of surrogate pairs."""
MAX_MARKS = 200_000
"""Brackets, braces and commas in a request: many times what the model allows, and parsed in a fraction of a second."""
_RANGES = {"integer": 2**31, "long": 2**63}
_JSON_NAMES = {
    dict: "Start of structure",
    list: "Start of list",
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
}


class RenderError(Exception):
    """An answer that does not fit its shape: a mistake of ours."""


def loads(body: bytes) -> Any:
    """The JSON value of a request body; an empty body is an empty object.

    Raises:
        RequestError: the body is not JSON, in UTF-8, of sane depth and number of members.
    """
    if sum(body.count(mark) for mark in (b"[", b"{", b",")) > MAX_MARKS:
        raise RequestError("SerializationException", "The request body has too many members.")
    try:
        # Python would take UTF-16 and UTF-32 too.
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant) if body.strip() else {}
    except (ValueError, RecursionError):
        raise RequestError("SerializationException", "The request body is not a JSON object in UTF-8.") from None


def parse(shape: Shape, value: Any, name: str = "") -> Any:
    """The request value in Python's terms: only known members, blobs as bytes, timestamps as aware datetimes.

    Args:
        shape: What the model says it is.
        value: What `loads` returned.
        name: Path of the member from the top, for messages.

    Raises:
        RequestError: the JSON type is not the shape's; the message names the member.
    """
    if isinstance(shape, StructureShape):
        members = _expect(dict, shape, value, name)
        given = {m: (s, members[m]) for m, s in shape.members.items() if members.get(m) is not None}
        return {m: parse(s, v, f"{name}.{m}" if name else m) for m, (s, v) in given.items()}
    if isinstance(shape, ListShape):
        return [parse(shape.member, v, f"{name}[{i}]") for i, v in enumerate(_expect(list, shape, value, name))]
    if isinstance(shape, MapShape):
        entries = _expect(dict, shape, value, name).items()
        return {parse(shape.key, k, name): parse(shape.value, v, f"{name}.{k}") for k, v in entries}
    return _parse_scalar(shape, value, name)


def dumps(shape: Shape, value: Mapping[str, Any]) -> bytes:
    """The JSON text of an answer.

    Raises:
        RenderError: a member is not in the shape or of another type.
    """
    return json.dumps(dump(shape, value), separators=(",", ":"), allow_nan=False).encode()


def splice(members: bytes, key: str, items: bytes) -> bytes:
    """The JSON object `members` with one more member, a list of the JSON texts that `items` joins by commas."""
    head = members[:-1] + (b"," if members != b"{}" else b"")
    return b"%b%b:[%b]}" % (head, json.dumps(key).encode(), items)


def dump(shape: Shape, value: Any, name: str = "") -> Any:
    """The value as JSON can carry it; None members are left out.

    Raises:
        RenderError: a member is not in the shape or of another type.
    """
    if isinstance(shape, StructureShape):
        return _dump_structure(shape, value, name)
    if isinstance(shape, ListShape) and isinstance(value, list | tuple):
        return [dump(shape.member, v, f"{name}[{i}]") for i, v in enumerate(value)]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {dump(shape.key, k, name): dump(shape.value, v, f"{name}.{k}") for k, v in value.items()}
    return _dump_scalar(shape, value, name)


def _dump_structure(shape: StructureShape, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RenderError(f"{name or shape.name} must be a mapping, not {type(value).__name__}")
    if unknown := set(value) - set(shape.members):
        raise RenderError(f"{shape.name} has no member {', '.join(sorted(unknown))}")
    return {m: dump(shape.members[m], v, f"{name}.{m}" if name else m) for m, v in value.items() if v is not None}


def _parse_scalar(shape: Shape, value: Any, name: str) -> Any:
    match shape.type_name:
        case "string":
            return _text(shape, value, name)
        case "boolean":
            return _expect(bool, shape, value, name)
        case "integer" | "long":
            return _integer(shape, value, name)
        case "float" | "double":
            return _number(shape, value, name)
        case "blob":
            return _blob(shape, value, name)
        case "timestamp":
            return _moment(shape, value, name)
    raise RenderError(f"{name}: the shape type {shape.type_name} is not supported")


def _dump_scalar(shape: Shape, value: Any, name: str) -> Any:
    match shape.type_name, value:
        case "string", str():
            return value
        case "boolean", bool():
            return value
        case "integer" | "long", int() if not isinstance(value, bool):
            return value
        case "float" | "double", float() | int() if not isinstance(value, bool) and math.isfinite(value):
            return value
        case "blob", bytes():
            return base64.b64encode(value).decode()
        case "timestamp", datetime() if value.tzinfo is not None:
            return value.timestamp()
    raise RenderError(f"{name} must be of type {shape.type_name}, not {type(value).__name__}")


def _text(shape: Shape, value: Any, name: str) -> str:
    text = str(_expect(str, shape, value, name))
    if UNSTORABLE.search(text):
        reason = "a NUL character" if "\0" in text else "half of a surrogate pair"
        raise RequestError("SerializationException", f"{name}: the text has {reason}.")
    return text


def _integer(shape: Shape, value: Any, name: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    _expect(int, shape, value, name)
    limit = _RANGES[shape.type_name]
    if not -limit <= value < limit:
        raise RequestError("SerializationException", f"{name}: the number does not fit the type {shape.type_name}.")
    return int(value)


def _number(shape: Shape, value: Any, name: str) -> float:
    if not isinstance(value, float):
        _expect(int, shape, value, name)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RequestError("SerializationException", f"{name}: the number does not fit the type {shape.type_name}.")
    return number


def _blob(shape: Shape, value: Any, name: str) -> bytes:
    try:
        return base64.b64decode(_expect(str, shape, value, name), validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("SerializationException", f"{name}: the value is not base64.") from None


def _moment(shape: Shape, value: Any, name: str) -> datetime:
    try:
        return datetime.fromtimestamp(_number(shape, value, name), UTC)
    except (ValueError, OverflowError, OSError):
        raise RequestError("SerializationException", f"{name}: the time is out of range.") from None


def _expect(kind: type, shape: Shape, value: Any, name: str) -> Any:
    """The value, which must be of the JSON type that the shape calls for."""
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    found = _JSON_NAMES.get(type(value), "NULL_VALUE")
    raise RequestError(
        "SerializationException", f"{name or 'The request'}: {found} can not be converted to {shape.type_name}."
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(name)
