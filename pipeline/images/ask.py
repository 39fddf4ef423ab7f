"""The caller's side: a request on images goes to the workers, and their answer comes back."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from redis.exceptions import RedisError

from pipeline.caller import has_left
from pipeline.errors import RequestError
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.images.source import StoredImage, image_of
from pipeline.mailbox import Letter, LetterLost
from pipeline.services import Services

WAKE_UPS = 2
"""The first may have reached a worker that is stuck; a letter that was answered wakes nobody."""
GRACE_S = 1.0
"""How much longer than its caller waits a letter lies there, so that one that is gone is known to be lost."""

log = structlog.get_logger()


def ask(services: Services, account: str, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of the answer to a valid request.

    Raises:
        RequestError: what the worker says, or ThrottlingException where none has answered in time or none would.
    """
    members = IMAGE_OPERATIONS[operation].images
    images = {member: image_of(services.objects, member, request[member]) for member in members}
    body = {
        "operation": operation,
        "account": account,
        "request": {name: value for name, value in request.items() if name not in members},
        "stored": {name: image.members for name, image in images.items() if isinstance(image, StoredImage)},
    }
    inline = {name: image for name, image in images.items() if not isinstance(image, StoredImage)}
    answer = _answer(services, account, Letter(body, inline))
    if "error" in answer:
        raise RequestError(answer["error"]["code"], answer["error"]["message"])
    members_found: Mapping[str, Any] = answer["members"]
    return members_found


def _answer(services: Services, account: str, letter: Letter) -> Mapping[str, Any]:
    timeout_s = services.settings.image_timeout_s
    deadline = time.monotonic() + timeout_s
    with services.mailbox.place(account):
        while (left_s := deadline - time.monotonic()) > 0 and not has_left.get()():
            try:
                answer = _once(services, account, letter, left_s)
            except LetterLost:
                log.warning("image_request_lost")  # the broker was started anew: the letter is written again
                continue
            if answer is not None:
                return answer
    if has_left.get()():
        log.info("image_caller_left")
        raise RequestError("RequestTimeoutException", "The connection was closed before there was an answer.")
    log.warning("image_not_answered", timeout_s=timeout_s)
    raise RequestError(
        "ThrottlingException",
        f"No worker for the queue `images` has answered within {timeout_s} s (REELSIGHT_IMAGE_TIMEOUT_S). Try your call again.",
    )


def _once(services: Services, account: str, letter: Letter, life_s: float) -> Mapping[str, Any] | None:
    """The answer to the letter, posted once; None: none came in time, or the caller has left."""
    mailbox = services.mailbox
    try:
        letter_id = mailbox.post(letter, account, life_s + GRACE_S)
    except RedisError as error:
        log.warning("mailbox_not_reached", reason=str(error))
        raise RequestError("ThrottlingException", "The workers cannot be reached. Try your call again.") from None
    try:
        for turn in range(WAKE_UPS):
            services.queue.wake_image(letter_id, "again" if turn else "turn")
            wake = partial(services.queue.wake_image, letter_id)
            answer = mailbox.wait(letter_id, life_s / WAKE_UPS, has_left.get(), wake)
            if answer is not None or has_left.get()():
                return answer
    finally:
        mailbox.withdraw(letter_id)
    return None
