"""Users of collections: what the api can do about them by itself; comparing faces needs a worker."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from api.operations.types import Handler
from pipeline.images.ask import ask
from pipeline.services import Services
from pipeline.store import collections, faces, users
from pipeline.store.engine import reading, writing
from pipeline.store.faces import Face
from pipeline.store.metadata import utcnow
from pipeline.store.once import Answer, once

PAGE = 500
"""Items of a page where the caller sets no MaxResults; the most that it may be."""

Request = Mapping[str, Any]
Act = Callable[[Services, Connection, str, Request], Answer]

log = structlog.get_logger()


def handlers() -> Mapping[str, Handler]:
    """Operation name -> what serves it."""
    changes = {"CreateUser": _create, "DeleteUser": _delete, "DisassociateFaces": _disassociate}
    alone = {name: partial(_change, name, act) for name, act in changes.items()}
    return {**alone, "ListUsers": _list, "AssociateFaces": _associate}


def _change(operation: str, act: Act, services: Services, account: str, request: Request) -> Mapping[str, Any]:
    """What a change answers; see `once`."""
    with writing(services.engine) as connection:
        collection = collections.get(connection, account, request["CollectionId"])
        return once(
            connection,
            account,
            operation,
            request,
            collection.id,
            lambda: act(services, connection, account, request),
        )


def _create(services: Services, connection: Connection, account: str, request: Request) -> Answer:
    collection = collections.get(connection, account, request["CollectionId"], lock=True)
    users.create(connection, collection, request["UserId"], utcnow(), services.settings.max_users)
    log.info("user_created", account=account, collection=collection.name, user=request["UserId"])
    return {}


def _delete(services: Services, connection: Connection, account: str, request: Request) -> Answer:
    collection = collections.get(connection, account, request["CollectionId"], lock=True)
    users.remove(connection, collection, users.get(connection, collection, request["UserId"]))
    log.info("user_deleted", account=account, collection=collection.name, user=request["UserId"])
    return {}


def _disassociate(services: Services, connection: Connection, account: str, request: Request) -> Answer:
    collection = collections.get(connection, account, request["CollectionId"], lock=True)
    user = users.get(connection, collection, request["UserId"])
    wanted = list(dict.fromkeys(request["FaceIds"]))
    known = faces.by_id(connection, collection, wanted)
    own = [known[one] for one in wanted if one in known and known[one].user_id == user.id]
    user = users.release(connection, collection, user, [face.position for face in own])
    log.info("faces_disassociated", account=account, collection=collection.name, user=user.id, faces=len(own))
    strange = [one for one in wanted if one not in known or known[one].user_id not in {None, user.id}]
    return {
        "DisassociatedFaces": [{"FaceId": face.id} for face in own],
        "UnsuccessfulFaceDisassociations": [_refused(one, known.get(one)) for one in strange],
        "UserStatus": user.status,
    }


def _refused(face_id: str, face: Face | None) -> dict[str, Any]:
    if face is None:
        return {"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]}
    return {"FaceId": face_id, "UserId": face.user_id, "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}


def _associate(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    """Has always a token: where a worker dies between its work and its answer, the next one knows what was done."""
    return ask(services, account, "AssociateFaces", {"ClientRequestToken": str(uuid.uuid4()), **request})


def _list(services: Services, account: str, request: Request) -> Mapping[str, Any]:
    count, token, now = int(request.get("MaxResults", PAGE)), request.get("NextToken"), utcnow()
    with reading(services.engine) as connection:
        collection = collections.get(connection, account, request["CollectionId"])
        context = (account, "ListUsers", collection.id)
        after = 0 if token is None else services.tokens.read(token, context, now)
        found = users.listed(connection, collection, after, count + 1)
    page = found[:count]
    answer: Answer = {"Users": [user.wire for user in page]}
    if len(found) > count:
        answer["NextToken"] = services.tokens.make(context, page[-1].number, now)
    return answer
