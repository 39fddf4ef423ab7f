"""Operations on users as their handlers answer them, without http and without a worker's process."""

from pathlib import Path
from typing import Any

from api.operations import users
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.models.library import Library
from pipeline.services import Services
from tests.support.jobs_installation import ACCOUNT


def ask(services: Services, operation: str, account: str = ACCOUNT, **request: Any) -> Any:
    """The answer of an operation without images, about the collection `people` where none is named."""
    request = {"CollectionId": "people", **request}
    if operation not in IMAGE_OPERATIONS:
        return users.handlers()[operation](services, account, request)
    return load(operation)(Call(services, Library(Path("none")), account, request, {}))
