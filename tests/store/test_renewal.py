"""Faces that get new embeddings: all at once, under the same ids, and searches see only the new ones."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import RequestError, SetupError
from pipeline.faces.index import FaceIndex
from pipeline.images.reindexing import renew_users
from pipeline.services import Services
from pipeline.store import collections, faces, renewal
from pipeline.store.collections import FACE_MODEL_VERSION, Collection
from pipeline.store.engine import reading, writing
from tests.support.collections_filled import content, filled, people, random_vectors
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

USERS = ["ann", "bob", "eve"]
NEW = {position: vector.tobytes() for position, vector in enumerate(random_vectors(7, 1))}


@pytest.fixture
def old(services: Services) -> Collection:
    """Seven faces of an earlier version; faces 0 and 1 are ann's, 2 and 3 bob's, 4 and 5 eve's."""
    return filled(services, user_ids=USERS, version="2020.01")


def keep(services: Services, old: Collection, *positions: int, version: str = FACE_MODEL_VERSION) -> None:
    with writing(services.engine) as connection:
        renewal.keep(connection, old, version, {position: NEW[position] for position in positions})


def finish(services: Services, old: Collection, drop: bool = False) -> Collection:
    with writing(services.engine) as connection:
        return renewal.finish(connection, old, ACCOUNT, FACE_MODEL_VERSION, drop)


def best(services: Services, folder: Path, vector: bytes) -> tuple[int, float]:
    """Position and cosine of the nearest face."""
    with reading(services.engine) as connection:
        index = FaceIndex(services.engine, folder, collections.get(connection, ACCOUNT, "people"))
    ((cosine, face),) = index.search(np.frombuffer(vector, "<f4")[None], -1, 1)[0]
    return face.position, round(cosine, 4)


def test_nothing_changes_before_all_have_new_embeddings_and_then_everything(
    services: Services, old: Collection, tmp_path: Path
) -> None:
    before, users = content(services), people(services)
    assert best(services, tmp_path, before[3][1]) == (3, 1.0)
    keep(services, old, 0, 1, 2, 3)
    keep(services, old, 3, 4, 5)
    assert (content(services), people(services)) == (before, users)
    with reading(services.engine) as connection:
        assert renewal.count_left(connection, old, FACE_MODEL_VERSION) == 1
        assert renewal.left(connection, old, FACE_MODEL_VERSION) == [before[6][0]]
    with pytest.raises(SetupError, match="1 faces of people"):
        finish(services, old)
    assert (content(services), people(services)) == (before, users)

    keep(services, old, 6)
    made = finish(services, old)
    assert (made.face_model_version, made.id, made.faces) == (FACE_MODEL_VERSION, old.id, 7)
    after = content(services)
    assert [vector for _, vector in after] == list(NEW.values())
    same = ("position", "id", "image_id", "external_image_id", "box", "confidence", "user_id")
    for (one, _), (other, _) in zip(before, after, strict=True):
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
        assert other.model_version == FACE_MODEL_VERSION
    assert best(services, tmp_path, NEW[3]) == (3, 1.0)
    assert best(services, tmp_path, before[3][1])[1] < 0.9
    assert [status for _, _, status, _ in people(services)] == ["UPDATING"] * 3
    renew_users(services, ACCOUNT, "people")
    renewed = people(services)
    assert [status for _, _, status, _ in renewed] == ["ACTIVE"] * 3
    expected = filled(services, "fresh", user_ids=USERS)
    with writing(services.engine) as connection:
        renewal.keep(connection, expected, FACE_MODEL_VERSION, NEW)
        renewal.finish(connection, expected, ACCOUNT, FACE_MODEL_VERSION, False)
    renew_users(services, ACCOUNT, "fresh")
    assert people(services, "fresh") == renewed != users


def test_faces_without_a_new_embedding_are_removed_if_that_is_wanted(services: Services, old: Collection) -> None:
    keep(services, old, 0, 1, 2, 6)
    made = finish(services, old, drop=True)
    assert (made.faces, made.next_position) == (4, 7)
    renew_users(services, ACCOUNT, "people")
    assert [face.position for face, _ in content(services)] == [0, 1, 2, 6]
    assert [user[:3] for user in people(services)] == [
        ("ann", 2, "ACTIVE"),
        ("bob", 1, "ACTIVE"),
        ("eve", 0, "CREATED"),
    ]


def test_embeddings_of_another_version_are_forgotten(services: Services, old: Collection) -> None:
    keep(services, old, 0, 1, version="2030.01")
    with writing(services.engine) as connection:
        assert renewal.begin(connection, old, FACE_MODEL_VERSION) == 0
    keep(services, old, 5)
    with writing(services.engine) as connection:
        assert renewal.begin(connection, old, FACE_MODEL_VERSION) == 1
        assert renewal.count_left(connection, old, FACE_MODEL_VERSION) == 6


def test_faces_that_come_and_go_meanwhile(services: Services, old: Collection) -> None:
    keep(services, old, *range(7))
    with writing(services.engine) as connection:
        now = collections.get(connection, ACCOUNT, "people", lock=True)
        faces.remove(connection, now, [content(services)[6][0]])
    assert finish(services, old).faces == 6
    with writing(services.engine) as connection:
        assert renewal.begin(connection, old, FACE_MODEL_VERSION) == 0


def test_another_collection_of_that_name_is_left_alone(services: Services, old: Collection) -> None:
    keep(services, old, *range(7))
    with writing(services.engine) as connection:
        collections.remove(connection, ACCOUNT, "people")
    with pytest.raises(RequestError, match="does not exist"):
        finish(services, old)
    filled(services)
    before = content(services)
    with pytest.raises(SetupError, match="replaced"):
        finish(services, old)
    assert content(services) == before
    with writing(services.engine) as connection, pytest.raises(ValueError, match="length 1"):
        renewal.keep(connection, old, FACE_MODEL_VERSION, {0: bytes(512)})
