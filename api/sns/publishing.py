"""Publish: what it accepts, as columns of a notification."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from api.sns.calls import Call, invalid
from pipeline.errors import RequestError
from pipeline.store.engine import writing

MAX_MESSAGE_BYTES = 256 * 1024
MAX_SUBJECT = 100


def publish(call: Call) -> Mapping[str, Any]:
    """Publish."""
    request, services = call.request, call.services
    arn = request.get("TopicArn") or request.get("TargetArn") or ""
    extra = columns(request)
    with writing(services.engine) as connection:
        services.topics.get(connection, call.owner, arn)
        message_id = services.outbox.add(connection, call.owner, arn, request["Message"], call.now, extra=extra)
    services.queue.wake_delivery()
    return {"MessageId": message_id}


def columns(request: Mapping[str, Any]) -> dict[str, Any]:
    """Columns subject, structure and attributes of a Publish request.

    Raises:
        RequestError: InvalidParameter that names the member.
    """
    for member in ("PhoneNumber", "MessageDeduplicationId", "MessageGroupId"):
        if request.get(member):
            raise invalid(member, "not supported")
    _check_message(request["Message"])
    return {
        "subject": _subject(request.get("Subject")),
        "structure": _structure(request.get("MessageStructure"), request["Message"]),
        "attributes": {name: _attribute(name, value) for name, value in request.get("MessageAttributes", {}).items()},
    }


def _check_message(message: str) -> None:
    if not message:
        raise RequestError("InvalidParameter", "Invalid parameter: Empty message")
    if len(message.encode()) > MAX_MESSAGE_BYTES:
        raise RequestError("InvalidParameter", "Invalid parameter: Message too long")


def _subject(subject: str | None) -> str | None:
    """Source: Amazon SNS API reference, Publish: no line breaks or control characters, fewer than 100 characters."""
    if subject is not None and not (0 < len(subject) <= MAX_SUBJECT and subject.isprintable()):
        raise invalid("Subject", f"1 to {MAX_SUBJECT} characters without line breaks and control characters")
    return subject


def _structure(structure: str | None, message: str) -> str | None:
    if structure is None:
        return None
    if structure != "json":
        raise invalid("MessageStructure", f"json or absent, not {structure!r}")
    try:
        texts = json.loads(message)
    except (ValueError, RecursionError):
        raise invalid("Message Structure", "JSON message body failed to parse") from None
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise invalid("Message Structure", "No default entry in JSON message body")
    if not all(isinstance(text, str) and _encodable(text) for text in texts.values()):
        raise invalid("Message Structure", "every entry must be a string")
    return structure


def _encodable(text: str) -> bool:
    """False for halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return not re.search("[\ud800-\udfff]", text)


def _attribute(name: str, value: Mapping[str, Any]) -> Mapping[str, str]:
    data_type = value["DataType"]
    if not re.fullmatch(r"(String|String\.Array|Number|Binary)(\..+)?", data_type):
        raise invalid(
            f"MessageAttributes.{name}.DataType", f"String, String.Array, Number or Binary, not {data_type!r}"
        )
    if data_type.startswith("Binary"):
        if not value.get("BinaryValue"):
            raise invalid(f"MessageAttributes.{name}.BinaryValue", "a value is required")
        return {"Type": data_type, "Value": base64.b64encode(value["BinaryValue"]).decode("ascii")}
    if not value.get("StringValue"):
        raise invalid(f"MessageAttributes.{name}.StringValue", "a value is required")
    return {"Type": data_type, "Value": value["StringValue"]}
