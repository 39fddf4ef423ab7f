"""PublishBatch: up to ten messages in one transaction, each with a result of its own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.sns.calls import Call
from api.sns.message_attributes import size_of
from api.sns.publishing import columns, refusal_of
from pipeline.errors import RequestError
from pipeline.store.engine import writing

MAX_ENTRIES = 10


def publish_batch(call: Call) -> Mapping[str, Any]:
    """PublishBatch: an entry that cannot be published keeps no other from it."""
    entries, services = call.request["PublishBatchRequestEntries"], call.services
    _check_entries(entries)
    accepted, failed = _sorted(entries)
    successful = []
    with writing(services.engine) as connection:
        topic = services.topics.get(connection, call.owner, call.request["TopicArn"])
        _check_size(entries, topic.message_bytes)
        for entry_id, extra in accepted:
            text = extra.pop("message")
            try:
                with connection.begin_nested():
                    message_id = services.outbox.add(connection, call.owner, topic.arn, text, call.now, extra=extra)
            except RequestError as error:
                failed.append({"Id": entry_id, **refusal_of(error)})
            else:
                successful.append({"Id": entry_id, "MessageId": message_id})
    services.queue.wake_delivery()
    return {"Successful": successful, "Failed": failed}


def _sorted(entries: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, dict[str, Any]]], list[dict[str, Any]]]:
    """What can be published, as columns, and results of what cannot."""
    accepted, failed = [], []
    for entry in entries:
        try:
            accepted.append((entry["Id"], columns(entry)))
        except RequestError as error:
            failed.append({"Id": entry["Id"], **refusal_of(error)})
    return accepted, failed


def _check_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    if not entries:
        raise RequestError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MAX_ENTRIES:
        many = f"{len(entries)}, at most {MAX_ENTRIES}"
        raise RequestError(
            "TooManyEntriesInBatchRequest", f"The batch request contains more entries than permissible: {many}."
        )
    ids = [entry["Id"] for entry in entries]
    for one in ids:
        if not re.fullmatch("[A-Za-z0-9_-]{1,80}", one):
            allowed = "1 to 80 letters, digits, hyphens and underscores are allowed"
            raise RequestError("InvalidBatchEntryId", f"The Id of a batch entry is {one[:100]!r}; {allowed}.")
    if len(set(ids)) < len(ids):
        raise RequestError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")


def _check_size(entries: Sequence[Mapping[str, Any]], limit: int) -> None:
    total = sum(size_of(entry) for entry in entries)
    if total > limit:
        words = "The length of all the messages put together is more than the limit"
        raise RequestError("BatchRequestTooLong", f"{words}: {total} bytes with attributes, at most {limit}.")
