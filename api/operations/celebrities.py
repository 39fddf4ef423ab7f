"""What is known of a celebrity of the operator's gallery."""

from collections.abc import Mapping
from typing import Any

from api.operations.types import Handler
from pipeline.errors import RequestError
from pipeline.services import Services
from pipeline.store import celebrities
from pipeline.store.engine import reading


def handlers() -> Mapping[str, Handler]:
    """Operation name -> what serves it."""
    return {"GetCelebrityInfo": _info}


def _info(services: Services, account: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    del account  # one gallery serves all accounts
    with reading(services.engine) as connection:
        found = celebrities.by_id(connection, [request["Id"]]).get(request["Id"])
    if found is None:
        raise RequestError("ResourceNotFoundException", f"No celebrity has the Id {request['Id']!r}.")
    return {name: value for name, value in found.wire.items() if name != "Id"}
