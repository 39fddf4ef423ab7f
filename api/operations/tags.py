"""Tags of collections, and of what else can be tagged."""

from collections.abc import Mapping
from typing import Any

import structlog

from api.operations.types import Handler
from pipeline.services import Services
from pipeline.store import tags
from pipeline.store.engine import reading, writing

Request = Mapping[str, Any]

log = structlog.get_logger()


def handlers() -> Mapping[str, Handler]:
    """Operation name -> what serves it."""
    return {"TagResource": _tag, "UntagResource": _untag, "ListTagsForResource": _list}


def _tag(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    arn, added = request["ResourceArn"], request["Tags"]
    with writing(services.engine) as connection:
        tags.tag(connection, account, arn, added)
    log.info("resource_tagged", account=account, resource=arn, tags=len(added))
    return {}


def _untag(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    arn, keys = request["ResourceArn"], request["TagKeys"]
    with writing(services.engine) as connection:
        tags.untag(connection, account, arn, keys)
    log.info("resource_untagged", account=account, resource=arn, tags=len(keys))
    return {}


def _list(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    with reading(services.engine) as connection:
        return {"Tags": tags.tags_of(connection, account, request["ResourceArn"])}
