"""The caller's side: a request on images goes to the workers, and their answer comes back."""

from collections.abc import Mapping
from typing import Any

import structlog
from redis.exceptions import RedisError

from pipeline.errors import RequestError
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.images.source import StoredImage, image_of
from pipeline.mailbox import Letter
from pipeline.services import Services

WAKE_UPS = 2
"""The first may have reached a worker that was then killed with all its children; a letter that was answered wakes nobody."""

log = structlog.get_logger()


def ask(services: Services, account: str, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of the answer to a valid request.

    Raises:
        RequestError: what the worker says, or ThrottlingException where none has answered in time.
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
    answer = _answer(services, Letter(body, inline))
    if "error" in answer:
        raise RequestError(answer["error"]["code"], answer["error"]["message"])
    members_found: Mapping[str, Any] = answer["members"]
    return members_found


def _answer(services: Services, letter: Letter) -> Mapping[str, Any]:
    timeout_s = services.settings.image_timeout_s
    with services.mailbox.place():
        try:
            letter_id = services.mailbox.post(letter, timeout_s)
        except RedisError as error:
            log.warning("mailbox_not_reached", reason=str(error))
            raise RequestError("ThrottlingException", "The workers cannot be reached. Try your call again.") from None
        for _ in range(WAKE_UPS):
            services.queue.wake_image(letter_id)
            answer = services.mailbox.wait(letter_id, timeout_s / WAKE_UPS)
            if answer is not None:
                return answer
        services.mailbox.withdraw(letter_id)
    log.warning("image_not_answered", letter=letter_id, timeout_s=timeout_s)
    raise RequestError(
        "ThrottlingException",
        f"No worker for the queue `images` has answered within {timeout_s} s. Try your call again.",
    )
