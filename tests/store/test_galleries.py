"""Whose faces a job is matched against: the account's own collections, and the celebrities of the installation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.aggregate.types import Match
from pipeline.conduct.sweep import sweep
from pipeline.errors import JobFailed
from pipeline.faces.galleries import galleries
from pipeline.services import Services
from pipeline.store import celebrities, collections
from pipeline.store.celebrities import Celebrity
from pipeline.store.collections import CELEBRITIES
from pipeline.store.engine import reading, writing
from pipeline.store.faces import NewFace
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services
from tests.support.known_faces import BOX, create, image_of, keep, people

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

ADA = Celebrity("1aB", "Ada Lovelace", ("example.org/ada",), "Female")
BOB = Celebrity("2", "Bob")


def admit(services: Services, celebrity: Celebrity, *vectors: np.ndarray) -> None:
    with writing(services.engine) as connection:
        celebrities.put(connection, celebrity, utcnow())
        for vector in vectors:
            face = NewFace(BOX, 99.0, vector.tobytes())
            celebrities.add_face(connection, celebrity.id, image_of(vector), face, utcnow())


def names(found: Sequence[Sequence[Match]]) -> list[list[str]]:
    return [[match.face["Name"] for match in one] for one in found]


def folders(services: Services) -> set[Path]:
    return set(services.settings.face_matrices_path.iterdir())


def test_a_match_is_a_face_as_the_api_shows_it(services: Services) -> None:
    create(services.engine)
    vectors = people(1, 20)
    kept = keep(services.engine, vectors)
    found = galleries(services, ACCOUNT).collection("people").search(vectors[:3], 0.999, 5)
    assert [[match.face for match in one] for one in found] == [[face.wire] for face in kept[:3]]


def test_a_gallery_sees_what_is_added_while_it_is_open(services: Services) -> None:
    create(services.engine)
    gallery, vectors = galleries(services, ACCOUNT).collection("people"), people(1, 2)
    assert gallery.search(vectors, 0.9, 5) == [[], []]
    keep(services.engine, vectors)
    assert [len(one) for one in gallery.search(vectors, 0.999, 5)] == [1, 1]


def test_an_account_has_its_own_collections_only(services: Services) -> None:
    create(services.engine)
    create(services.engine, account="4" * 12)
    keep(services.engine, people(1, 5))
    assert galleries(services, "4" * 12).collection("people").search(people(1, 5), -1.0, 5) == [[]] * 5
    create(services.engine, name="mine")
    with pytest.raises(JobFailed, match="The collection id: mine does not exist"):
        galleries(services, "4" * 12).collection("mine")


def test_a_collection_that_is_deleted_meanwhile_fails_the_job(services: Services) -> None:
    create(services.engine)
    keep(services.engine, people(1, 5))
    gallery = galleries(services, ACCOUNT).collection("people")
    gallery.search(people(1, 1), 0.5, 5)
    with writing(services.engine) as connection:
        collections.remove(connection, ACCOUNT, "people")
    with pytest.raises(JobFailed, match="The collection id: people does not exist"):
        gallery.search(people(1, 1), 0.5, 5)
    assert len(folders(services)) == 1
    assert sweep(services).face_batches == 1
    assert folders(services) == set()
    assert sweep(services).face_batches == 0


def test_faces_of_another_model_are_not_compared(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "FACE_MODEL_VERSION", "1.0")
    create(services.engine)
    with pytest.raises(JobFailed, match=r"people were indexed with version 1\.0 of the face model.*index them anew"):
        galleries(services, ACCOUNT).collection("people")


def test_an_empty_gallery_of_celebrities_is_none(services: Services) -> None:
    assert galleries(services, ACCOUNT).celebrities() is None
    admit(services, ADA)
    assert galleries(services, ACCOUNT).celebrities() is None


def test_celebrities_are_found_by_any_of_their_faces(services: Services) -> None:
    vectors = people(1, 5)
    admit(services, ADA, *vectors[:2])
    admit(services, BOB, vectors[2], vectors[2])
    gallery = galleries(services, ACCOUNT).celebrities()
    assert gallery is not None
    found = gallery.search(vectors, 0.999, 5)
    assert names(found) == [["Ada Lovelace"], ["Ada Lovelace"], ["Bob"], [], []]
    assert found[0][0].face == {
        "Id": "1aB",
        "Name": "Ada Lovelace",
        "Urls": ["example.org/ada"],
        "KnownGender": {"Type": "Female"},
    }
    assert found[2][0].face == {"Id": "2", "Name": "Bob", "Urls": []}
    with reading(services.engine) as connection:
        assert celebrities.listed(connection) == [(ADA, 2), (BOB, 1)]


def test_a_celebrity_who_is_removed_takes_the_faces_along(services: Services) -> None:
    vectors = people(1, 3)
    admit(services, ADA, *vectors[:2])
    admit(services, BOB, vectors[2])
    gallery = galleries(services, ACCOUNT).celebrities()
    assert gallery is not None
    assert names(gallery.search(vectors, 0.999, 5)) == [["Ada Lovelace"], ["Ada Lovelace"], ["Bob"]]
    with writing(services.engine) as connection:
        assert celebrities.remove(connection, ADA.id)
        assert not celebrities.remove(connection, ADA.id)
        assert celebrities.faces_of(connection, ADA.id, 10) == []
        assert len(celebrities.faces_of(connection, BOB.id, 10)) == 1
    assert names(gallery.search(vectors, 0.999, 5)) == [[], [], ["Bob"]]


def test_a_celebrity_is_changed_in_place(services: Services) -> None:
    vectors = people(1, 1)
    admit(services, ADA, *vectors)
    admit(services, Celebrity(ADA.id, "Ada King"))
    gallery = galleries(services, ACCOUNT).celebrities()
    assert gallery is not None
    assert names(gallery.search(vectors, 0.999, 5)) == [["Ada King"]]


def test_no_account_can_name_the_collection_of_celebrities(services: Services) -> None:
    admit(services, ADA, *people(1, 1))
    with reading(services.engine) as connection:
        (kept,) = collections.listed(connection, CELEBRITIES, 0, 10)
        assert collections.listed(connection, ACCOUNT, 0, 10) == []
    with pytest.raises(JobFailed):
        galleries(services, ACCOUNT).collection(kept.name)
