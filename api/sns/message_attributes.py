"""MessageAttributes of what is published."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import RequestError

MAX_NAME = 256


def attributes_of(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, str]]:
    """The attributes as notifications keep and show them.

    Raises:
        RequestError: ParameterValueInvalid, in the words of SNS.
    """
    return {name: _attribute(name, value) for name, value in given.items()}


def size_of(request: Mapping[str, Any]) -> int:
    """Bytes that count against the limit of a message. Source: "Amazon SNS message attributes": name, type and value count."""
    attributes = request.get("MessageAttributes", {})
    return len(request["Message"].encode()) + sum(_size(name, one) for name, one in attributes.items())


def _size(name: str, given: Mapping[str, Any]) -> int:
    values = (name, given["DataType"], given.get("StringValue", ""))
    return sum(len(value.encode()) for value in values) + len(given.get("BinaryValue", b""))


def _attribute(name: str, given: Mapping[str, Any]) -> Mapping[str, str]:
    _check_name(name)
    kind = given["DataType"]
    if not re.fullmatch(r"(String|String\.Array|Number|Binary)(\..{1,250})?", kind):
        supported = "the set of supported type prefixes is Binary, Number, and String"
        raise _refused(
            f"The message attribute '{name}' has an invalid message attribute type, {supported}; DataType {kind[:80]!r}"
        )
    member = "BinaryValue" if kind.startswith("Binary") else "StringValue"
    if not given.get(member):
        wanted = f"must contain non-empty message attribute value for message attribute type '{kind}': {member}"
        raise _refused(f"The message attribute '{name}' {wanted}")
    if member == "BinaryValue":
        return {"Type": kind, "Value": base64.b64encode(given[member]).decode("ascii")}
    return {"Type": kind, "Value": given[member]}


def _check_name(name: str) -> None:
    """Source: Amazon SNS Developer Guide, "Amazon SNS message attributes"."""
    if not 0 < len(name.encode()) <= MAX_NAME:
        raise _refused(f"Length of message attribute name must be less than {MAX_NAME} bytes.")
    if name.startswith(".") or name.endswith("."):
        where = "starting" if name.startswith(".") else "ending"
        raise _refused(f"Invalid message attribute name {where} with character '.' was found.")
    if ".." in name:
        raise _refused("Message attribute name can not have successive '.' character.")
    if odd := re.search(r"[^A-Za-z0-9_.-]", name):
        allowed = "Can only include alphanumeric characters, hyphens, underscores, or dots."
        found = f"Invalid non-alphanumeric character '#x{ord(odd[0]):X}' was found in the message attribute name."
        raise _refused(f"{found} {allowed}")


def _refused(words: str) -> RequestError:
    return RequestError("ParameterValueInvalid", words)
