"""The operations that look at images: one handler for all of the catalog, which asks the workers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from api.operations.types import Handler
from pipeline.images.ask import ask
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.services import Services


def handlers() -> Mapping[str, Handler]:
    """Operation name -> what serves it."""
    return {name: partial(_ask, name) for name in IMAGE_OPERATIONS}


def _ask(operation: str, services: Services, account: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    return ask(services, account, operation, request)
