"""The AWS query protocol, driven by botocore's public model of SNS: a form in, XML out.

Source: Smithy specification, "AWS query protocol".
"""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, SubElement, tostring

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from api.protocol.canonical import BYTES, SignedRequest
from api.protocol.wire import UNSTORABLE
from pipeline.errors import RequestError

CONTENT_TYPE = "text/xml"
NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
COMMON_STATUS = {
    "NotImplementedException": 501,
    "InternalFailure": 500,
    "InternalError": 500,
    "AuthorizationError": 403,
    "RequestEntityTooLarge": 413,
}
"""HTTP status of codes that no shape of the model gives one; others are 400."""
MAX_FORM_BYTES = 1024**2
"""A message of 256 KiB with every byte percent-encoded, and room for the rest."""
MAX_FIELDS = 1000
MAX_DEPTH = 8
"""Dots in the name of a field; the model's deepest has four."""
LEAF = ""
"""Key of a node's own text; no member has an empty name."""
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""

Tree = dict[str, Any]


@cache
def sns_model() -> ServiceModel:
    """SNS as botocore describes it."""
    return ServiceModel(Loader().load_service_model("sns", "service-2"), "sns")


@cache
def _statuses() -> Mapping[str, int]:
    """AWS error code -> HTTP status."""
    errors = [shape.metadata["error"] for shape in sns_model().error_shapes if "error" in shape.metadata]
    return COMMON_STATUS | {error["code"]: error["httpStatusCode"] for error in errors}


def status_of(code: str) -> int:
    """HTTP status of an AWS error code."""
    return _statuses().get(code, 400)


def read_form(request: SignedRequest) -> dict[str, str]:
    """The fields of the query and of the body; of a repeated name the last.

    Raises:
        RequestError: they are too many, or not text in UTF-8; the message names the field.
    """
    if len(request.body) > MAX_FORM_BYTES:
        raise RequestError("RequestEntityTooLarge", f"The request is larger than {MAX_FORM_BYTES} bytes.")
    body = request.body.decode(errors=BYTES) if request.method == "POST" else ""
    try:
        pairs = [pair for text in (request.query, body) for pair in _fields(text)]
    except ValueError:
        raise RequestError("RequestEntityTooLarge", f"The request has more than {MAX_FIELDS} fields.") from None
    for name, value in pairs:
        if UNSTORABLE.search(name + value):
            raise RequestError("InvalidParameter", f"Invalid parameter: {name} Reason: not UTF-8 text without NUL")
    return dict(pairs)


def parse(shape: StructureShape | None, form: Mapping[str, str]) -> dict[str, Any]:
    """The request that the form spells; members the model does not know are ignored.

    Raises:
        RequestError: InvalidParameter that names the member: required but absent, or not of its type.
    """
    return {} if shape is None else _structure(shape, _tree(form), "")


def render(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> bytes:
    """The XML answer to an operation; members that are None are left out."""
    root = Element(f"{operation.name}Response", {"xmlns": NAMESPACE})
    if operation.output_shape is not None:
        wrapper = operation.output_shape.serialization.get("resultWrapper", f"{operation.name}Result")
        _write(SubElement(root, wrapper), operation.output_shape, result)
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    return _document(root)


def render_error(code: str, message: str, request_id: str) -> bytes:
    """The XML answer to a request that was refused."""
    root = Element("ErrorResponse", {"xmlns": NAMESPACE})
    error = SubElement(root, "Error")
    SubElement(error, "Type").text = "Sender" if status_of(code) < 500 else "Receiver"
    SubElement(error, "Code").text = code
    SubElement(error, "Message").text = _printable(message)
    SubElement(root, "RequestId").text = request_id
    return _document(root)


def _fields(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors=BYTES, max_num_fields=MAX_FIELDS)


def _tree(form: Mapping[str, str]) -> Tree:
    """`{"A.entry.1.key": "x"}` as nested nodes; a node's own text is under `LEAF`."""
    root: Tree = {}
    for path, text in form.items():
        parts = path.split(".")
        if len(parts) > MAX_DEPTH + 1 or LEAF in parts:  # no member is called that
            continue
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[LEAF] = text
    return root


def _structure(shape: StructureShape, node: Tree, path: str) -> dict[str, Any]:
    result = {}
    for name, member in shape.members.items():
        child = node.get(member.serialization.get("name", name))
        if child is not None:
            result[name] = _value(member, child, f"{path}{name}")
        elif name in shape.required_members:
            raise RequestError("InvalidParameter", f"Invalid parameter: {path}{name} Reason: a value is required")
    return result


def _value(shape: Shape, node: Tree, path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, node, f"{path}.")
    if isinstance(shape, ListShape):
        wrapper = shape.member.serialization.get("name", "member")
        items = node if shape.serialization.get("flattened") else node.get(wrapper, {})
        return [_value(shape.member, items[key], f"{path}.{key}") for key in _numbers(items)]
    if isinstance(shape, MapShape):
        return _map(shape, node if shape.serialization.get("flattened") else node.get("entry", {}), path)
    return _scalar(shape, str(node.get(LEAF, "")), path)


def _map(shape: MapShape, entries: Tree, path: str) -> dict[str, Any]:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    pairs = [(entries[n].get(key_name, {}).get(LEAF, ""), entries[n].get(value_name, {})) for n in _numbers(entries)]
    return {key: _value(shape.value, value, f"{path}.{key}") for key, value in pairs}


def _numbers(items: Tree) -> list[str]:
    """The numbered members in order."""
    return sorted((key for key in items if re.fullmatch("[0-9]{1,9}", key)), key=int)


def _scalar(shape: Shape, text: str, path: str) -> Any:
    try:
        match shape.type_name:
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "integer" | "long":
                return int(text)
            case "blob":
                return base64.b64decode(text, validate=True)
            case _:
                return text
    except (KeyError, ValueError, binascii.Error):
        raise RequestError(
            "InvalidParameter", f"Invalid parameter: {path} Reason: not of type {shape.type_name}"
        ) from None


def _write(element: Element, shape: Shape, value: Any) -> None:
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            if member is not None:
                inner = shape.members[name]
                _write(SubElement(element, inner.serialization.get("name", name)), inner, member)
    elif isinstance(shape, ListShape):
        for item in value:
            _write(SubElement(element, shape.member.serialization.get("name", "member")), shape.member, item)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            entry = SubElement(element, "entry")
            _write(SubElement(entry, shape.key.serialization.get("name", "key")), shape.key, key)
            _write(SubElement(entry, shape.value.serialization.get("name", "value")), shape.value, item)
    else:
        element.text = _text(shape, value)


def _text(shape: Shape, value: Any) -> str:
    match shape.type_name:
        case "boolean":
            return "true" if value else "false"
        case "blob":
            return base64.b64encode(value).decode("ascii")
        case _:
            return _printable(str(value))


def _printable(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)


def _document(root: Element) -> bytes:
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
