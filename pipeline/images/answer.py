"""The worker's side: takes a request on images out of the mailbox and answers it, whatever happens."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import structlog

from pipeline.errors import JobFailed, ModelError, RequestError
from pipeline.images.call import Call
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.images.source import StoredImage
from pipeline.mailbox import Letter
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.turns import How

MAX_ATTEMPTS = 2
"""A request that has ended so many processes is not given to another."""

Answers = Callable[[Call], dict[str, Any]]
"""Members of the answer, AWS-shaped. Raises RequestError."""

log = structlog.get_logger()


def load(operation: str) -> Answers:
    """What answers an operation of the catalog: `answer` of the module that the catalog names.

    Raises:
        KeyError: the catalog has no such operation.
    """
    answers: Answers = import_module(f"pipeline.images.{IMAGE_OPERATIONS[operation].module}").answer
    return answers


def answer(services: Services, models: Models, message_id: str, how: How = "turn") -> None:
    """Answers the letter whose turn it is, if anybody waits."""
    letter = services.mailbox.take(message_id, how)
    if letter is None:
        log.debug("image_request_gone", message=message_id)
        return
    with structlog.contextvars.bound_contextvars(letter=letter.id, operation=letter.body["operation"]):
        with services.mailbox.holding(letter):
            outcome = _outcome(services, models, letter)
        services.mailbox.reply(letter, outcome)


def _outcome(services: Services, models: Models, letter: Letter) -> Mapping[str, Any]:
    """Members, or code and message of an error. All errors end here."""
    try:
        return {"members": _members(services, models, letter)}
    except RequestError as error:
        return _error(error.code, error.message)
    except ModelError as error:
        log.warning("model_not_usable", reason=str(error))
        return _error("InternalServerError", str(error))
    except JobFailed as error:  # the gallery of celebrities: nothing that the caller can mend
        log.warning("gallery_not_usable", reason=str(error))
        return _error("InternalServerError", str(error))
    except Exception:
        log.exception("image_request_broke")
        return _error(
            "InternalServerError", "An internal error occurred while the image was analysed; the log says which."
        )


def _members(services: Services, models: Models, letter: Letter) -> dict[str, Any]:
    if letter.attempt > MAX_ATTEMPTS:
        log.warning("image_request_given_up", attempts=letter.attempt - 1)
        raise RequestError(
            "InternalServerError", f"The image cannot be analysed: {MAX_ATTEMPTS} workers ended while they did so."
        )
    body = letter.body
    stored = {member: StoredImage(**fields) for member, fields in body["stored"].items()}
    call = Call(services, models, body["account"], body["request"], {**letter.attachments, **stored})
    return load(body["operation"])(call)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
