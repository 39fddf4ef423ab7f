"""Collections of faces: what the api can do about them by itself; IndexFaces needs a worker."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from api.operations.types import Handler
from pipeline.services import Services
from pipeline.store import collections, faces, tags
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow

PAGE = 4096
"""Items of a page where the caller sets no MaxResults, or 0; the most that it may be."""

Request = Mapping[str, Any]

log = structlog.get_logger()


def handlers() -> Mapping[str, Handler]:
    """Operation name -> what serves it."""
    return {
        "CreateCollection": _create,
        "DeleteCollection": _delete,
        "DescribeCollection": _describe,
        "ListCollections": _list,
        "ListFaces": _list_faces,
        "DeleteFaces": _delete_faces,
    }


def _create(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    settings = services.settings
    tags.check_keys(request.get("Tags", ()))
    with writing(services.engine) as connection:
        made = collections.create(
            connection,
            account,
            request["CollectionId"],
            settings.region,
            utcnow(),
            request.get("Tags"),
            settings.max_collections,
        )
    log.info("collection_created", account=account, collection=made.name)
    return {"StatusCode": 200, "CollectionArn": made.arn, "FaceModelVersion": made.face_model_version}


def _delete(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    with writing(services.engine) as connection:
        collections.remove(connection, account, request["CollectionId"])
    log.info("collection_deleted", account=account, collection=request["CollectionId"])
    return {"StatusCode": 200}


def _describe(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    with reading(services.engine) as connection:
        found = collections.get(connection, account, request["CollectionId"])
    return {
        "FaceCount": found.faces,
        "FaceModelVersion": found.face_model_version,
        "CollectionARN": found.arn,
        "CreationTimestamp": found.created_at,
        "UserCount": found.users,
    }


def _list(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    context, count = (account, "ListCollections"), _count(request)
    after = _offset(services, request, context)
    with reading(services.engine) as connection:
        found = collections.listed(connection, account, after, count + 1)
    page = found[:count]
    answer = {
        "CollectionIds": [one.name for one in page],
        "FaceModelVersions": [one.face_model_version for one in page],
    }
    return {**answer, **_next(services, context, page[-1].number if len(found) > count else None)}


def _list_faces(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    wanted, user, count = request.get("FaceIds"), request.get("UserId"), _count(request)
    with reading(services.engine) as connection:
        collection = collections.get(connection, account, request["CollectionId"])
        context = (account, "ListFaces", collection.id, _digest(wanted, user))
        start = _offset(services, request, context)
        found = faces.listed(connection, collection, start - 1, count + 1, wanted, user)
    page = found[:count]
    answer = {"Faces": [face.wire for face in page], "FaceModelVersion": collection.face_model_version}
    return {**answer, **_next(services, context, page[-1].position + 1 if len(found) > count else None)}


def _delete_faces(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    wanted: Sequence[str] = list(dict.fromkeys(request["FaceIds"]))
    with writing(services.engine) as connection:
        collection = collections.get(connection, account, request["CollectionId"], lock=True)
        known = faces.by_id(connection, collection, wanted)
        gone = [known[one] for one in wanted if one in known and known[one].user_id is None]
        faces.remove(connection, collection, gone)
    deleted = {face.id for face in gone}
    log.info("faces_deleted", account=account, collection=collection.name, faces=len(deleted))
    return {
        "DeletedFaces": [one for one in wanted if one in deleted],
        "UnsuccessfulFaceDeletions": [_refused(one, known.get(one)) for one in wanted if one not in deleted],
    }


def _refused(face_id: str, face: faces.Face | None) -> dict[str, Any]:
    if face is None:
        return {"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]}
    return {"FaceId": face_id, "UserId": face.user_id, "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}


def _count(request: Request) -> int:
    return int(request.get("MaxResults") or PAGE)


def _offset(services: Services, request: Request, context: tuple[str, ...]) -> int:
    token = request.get("NextToken")
    return 0 if token is None else services.tokens.read(token, context, utcnow())


def _next(services: Services, context: tuple[str, ...], offset: int | None) -> dict[str, str]:
    """The token of the next page, where there is one."""
    return {} if offset is None else {"NextToken": services.tokens.make(context, offset, utcnow())}


def _digest(*filters: Any) -> str:
    """Stands for the filters of a list; another choice is another list."""
    return hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()
