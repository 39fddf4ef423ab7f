"""Protocol sqs: messages put into queues, and dead letters into theirs."""

import base64
from collections.abc import Mapping
from typing import Any

from pipeline.notify.aws import AwsClients, AwsFailed
from pipeline.notify.policies import QUEUE_ARN

MAX_ATTRIBUTES = 10
"""Attributes of a message in SQS. Source: Amazon SNS Developer Guide, "Amazon SNS message attributes"."""
MAX_ERROR = 1024
"""Characters of an error in a dead letter's attributes."""


def put(clients: AwsClients, arn: str, account: str, body: str, attributes: Mapping[str, Mapping[str, str]]) -> None:
    """Puts a message into the queue `arn`, on behalf of `account`; attributes as an SNS envelope shows them.

    Of the ARN only region, account and name are used: where the queue is called is the operator's setting.

    Raises:
        AwsFailed: the queue is not the account's, or it did not take the message.
    """
    match = QUEUE_ARN.fullmatch(arn)
    if match is None or match[2] != account:
        raise AwsFailed(f"{arn} is not a queue of account {account}", None, "InvalidQueue", final=True)
    if len(attributes) > MAX_ATTRIBUTES:
        reason = f"{len(attributes)} message attributes; a raw message in a queue has at most {MAX_ATTRIBUTES}"
        raise AwsFailed(reason, None, "TooManyAttributes", final=True)
    region, _, name = match.groups()
    endpoint = str(clients.client("sqs", account, region).meta.endpoint_url).rstrip("/")
    members = (
        {"MessageAttributes": mapped} if (mapped := {key: value_of(one) for key, one in attributes.items()}) else {}
    )
    clients.call(
        "sqs", account, region, "send_message", QueueUrl=f"{endpoint}/{account}/{name}", MessageBody=body, **members
    )


def error_attributes(request_id: str, code: str, error: str) -> Mapping[str, Mapping[str, str]]:
    """What a dead letter tells about its failure."""
    printable = "".join(c if c.isprintable() else " " for c in error)[:MAX_ERROR]
    texts = {"RequestID": request_id, "ErrorCode": code, "ErrorMessage": printable}
    return {name: {"Type": "String", "Value": text or "-"} for name, text in texts.items()}


def value_of(attribute: Mapping[str, str]) -> dict[str, Any]:
    """An attribute of an envelope as SQS and SNS take it."""
    kind, value = attribute["Type"], attribute["Value"]
    if kind.startswith("Binary"):
        return {"DataType": kind, "BinaryValue": base64.b64decode(value)}
    return {"DataType": kind, "StringValue": value}
