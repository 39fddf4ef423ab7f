"""Start and Get of every stored-video analysis in the catalog: two handlers for all of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from api.operations.types import Handler
from pipeline.catalog import OPERATIONS, Operation
from pipeline.conduct.answer import Answer, answer
from pipeline.conduct.submit import submit
from pipeline.services import Services


def handlers() -> Mapping[str, Handler]:
    """Operation name -> what serves it."""
    found: dict[str, Handler] = {}
    for operation in OPERATIONS.values():
        found[operation.start] = partial(_start, operation)
        found[operation.get] = partial(_get, operation)
    return found


def _start(operation: Operation, services: Services, account: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    return submit(services, account, operation, request)


def _get(operation: Operation, services: Services, account: str, request: Mapping[str, Any]) -> Answer:
    return answer(services, account, operation, request)
