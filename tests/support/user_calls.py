"""Operations on users as their handlers answer them, without http and without a worker's process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.operations import users
from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.media.types import F32
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.store import collections, faces
from pipeline.store.engine import reading
from pipeline.store.faces import DIMENSIONS
from tests.support.jobs_installation import ACCOUNT
from tests.support.known_faces import keep

NOBODY = "00000000-0000-0000-0000-000000000000"


def ask(services: Services, operation: str, account: str = ACCOUNT, **request: Any) -> Any:
    """The answer of an operation without images, about the collection `people` where none is named."""
    request = {"CollectionId": "people", **request}
    if operation not in IMAGE_OPERATIONS:
        return users.handlers()[operation](services, account, request)
    return load(operation)(Call(services, Library(Path("none")), account, request, {}))


def somebody(seed: int, count: int = 1) -> F32:
    """(count, DIMENSIONS) embeddings of one person: cosines of about .7."""
    random = np.random.default_rng(seed)
    centre = random.standard_normal(DIMENSIONS)
    vectors = centre + 0.65 * random.standard_normal((count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def ids(services: Services, vectors: F32) -> list[str]:
    """Ids of new faces with these embeddings."""
    return [face.id for face in keep(services.engine, vectors)]


def user(services: Services, name: str, face_ids: Sequence[str] = ()) -> None:
    """A new user with these faces."""
    ask(services, "CreateUser", UserId=name)
    if face_ids:
        done = ask(services, "AssociateFaces", UserId=name, FaceIds=list(face_ids))
        assert [face["FaceId"] for face in done["AssociatedFaces"]] == list(face_ids)


def refusal(services: Services, operation: str, **request: Any) -> tuple[str, str]:
    with pytest.raises(RequestError) as error:
        ask(services, operation, **request)
    return error.value.code, error.value.message


def listed(services: Services, **request: Any) -> list[tuple[str, str]]:
    return [(one["UserId"], one["UserStatus"]) for one in ask(services, "ListUsers", **request)["Users"]]


def owners(services: Services) -> list[str | None]:
    """Whose each face of the collection is."""
    with reading(services.engine) as connection:
        people = collections.get(connection, ACCOUNT, "people")
        return [face.user_id for face in faces.listed(connection, people, -1, 1000)]


def found(services: Services, **request: Any) -> dict[str, float]:
    answer = ask(services, "SearchUsers", **request)
    assert all(match["User"]["UserStatus"] == "ACTIVE" for match in answer["UserMatches"])
    return {match["User"]["UserId"]: match["Similarity"] for match in answer["UserMatches"]}
