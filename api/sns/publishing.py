"""Publish: what it accepts, as columns of a notification."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.sns.calls import Call
from api.sns.message_attributes import attributes_of, size_of
from pipeline.errors import RequestError
from pipeline.notify.refusals import invalid, worded
from pipeline.store.engine import writing

MAX_SUBJECT = 100
PROTOCOLS = frozenset(
    {"default", "http", "https", "sqs", "email", "email-json", "sms", "lambda", "application", "firehose"}
)
"""What a text of a message with MessageStructure json may be for, besides the names of push services."""


def publish(call: Call) -> Mapping[str, Any]:
    """Publish."""
    request, services = call.request, call.services
    arn = _target(request)
    extra = columns(request)
    with writing(services.engine) as connection:
        topic = services.topics.get(connection, call.owner, arn)
        if size_of(request) > topic.message_bytes:
            raise worded(
                f"Message too long: {size_of(request)} bytes with its attributes, at most {topic.message_bytes}"
            )
        text = extra.pop("message")
        message_id = services.outbox.add(connection, call.owner, arn, text, call.now, extra=extra)
    services.queue.wake_delivery()
    return {"MessageId": message_id}


def columns(request: Mapping[str, Any]) -> dict[str, Any]:
    """Columns message, subject, structure and attributes of what Publish, or an entry of PublishBatch, asks for.

    Raises:
        RequestError: InvalidParameter that names the member.
    """
    if request.get("MessageDeduplicationId"):
        reason = "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
        raise invalid("MessageDeduplicationId", reason)
    if request.get("MessageGroupId"):
        raise invalid("MessageGroupId", "not supported: it is for FIFO topics and fair queues")
    if not request["Message"]:
        raise worded("Empty message")
    structure = request.get("MessageStructure")
    return {
        "message": _text(structure, request["Message"]),
        "subject": _subject(request.get("Subject")),
        "structure": structure,
        "attributes": attributes_of(request.get("MessageAttributes", {})),
    }


def _target(request: Mapping[str, Any]) -> str:
    """ARN of the topic; TargetArn is another name for TopicArn."""
    if request.get("PhoneNumber"):
        raise invalid("PhoneNumber", "text messages (SMS) are not supported; this endpoint serves topics only")
    given = [request[name] for name in ("TopicArn", "TargetArn") if request.get(name)]
    if not given:
        raise invalid("TopicArn or TargetArn", "no value for required parameter")
    if len(given) > 1:
        raise invalid("TopicArn or TargetArn", "only one of them may be given")
    if ":endpoint/" in given[0]:
        raise invalid("TargetArn", "mobile push is not supported; this endpoint serves topics only")
    return str(given[0])


def _subject(subject: str | None) -> str | None:
    """Source: Amazon SNS API reference, Publish: no line breaks or control characters, fewer than 100 characters."""
    if subject is not None and not (0 < len(subject) <= MAX_SUBJECT and subject.isprintable()):
        raise invalid("Subject", f"1 to {MAX_SUBJECT} characters without line breaks and control characters")
    return subject


def _text(structure: str | None, message: str) -> str:
    """The message as it is kept; of one text per protocol, those that are text."""
    if structure is None:
        return message
    if structure != "json":
        raise invalid("MessageStructure", f"json or absent, not {structure[:80]!r}")
    texts = _texts(message)
    kept = {name: text for name, text in texts.items() if isinstance(text, str)}
    if "default" not in kept:
        raise worded("Message Structure - No default entry in JSON message body")
    if not all(_encodable(text) for text in kept.values()):
        raise worded("Message Structure - every entry must be a string that UTF-8 can hold")
    return json.dumps({name: text for name, text in kept.items() if name in PROTOCOLS}, ensure_ascii=False)


def _texts(message: str) -> dict[str, Any]:
    try:
        texts = json.loads(message, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise worded("Message Structure - JSON message body failed to parse") from None
    if not isinstance(texts, dict):
        raise worded("Message Structure - No default entry in JSON message body")
    return texts


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Source: Amazon SNS API reference, Publish: duplicate keys are not allowed."""
    if len(members := dict(pairs)) < len(pairs):
        raise ValueError("duplicate keys")
    return members


def _encodable(text: str) -> bool:
    """False for halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return not re.search("[\ud800-\udfff]", text)


def refusal_of(error: RequestError) -> dict[str, Any]:
    """Members of a failed entry of a batch."""
    return {"Code": error.code, "Message": error.message, "SenderFault": True}
