"""Requests with tokens on both databases: done once, also when two come at once, or who did them died."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.conduct.sweep import sweep
from pipeline.errors import RequestError
from pipeline.services import Services
from pipeline.store import collections
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.once import TOKEN_LIFE
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services
from tests.support.known_faces import create, keep, people
from tests.support.user_calls import ask

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "550e8400-e29b-41d4-a716-446655440002"


@pytest.fixture(autouse=True)
def _people(services: Services) -> None:
    create(services.engine)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What all calls answer that are made in the same moment; errors too."""
    barrier, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = calls[number]()
        except RequestError as error:
            answers[number] = error.code

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def code_of(services: Services, operation: str, **request: Any) -> str:
    with pytest.raises(RequestError) as error:
        ask(services, operation, **request)
    return error.value.code


def count(services: Services) -> int:
    with reading(services.engine) as connection:
        return collections.get(connection, ACCOUNT, "people").users


def test_a_request_that_is_repeated_has_the_answer_of_before(services: Services) -> None:
    one, two = (face.id for face in keep(services.engine, people(1, 2)))
    for _ in range(3):
        assert ask(services, "CreateUser", UserId="ann", ClientRequestToken=TOKEN) == {}
    request = {"UserId": "ann", "FaceIds": [one], "ClientRequestToken": TOKEN}
    first = ask(services, "AssociateFaces", **request)
    assert first["AssociatedFaces"] == [{"FaceId": one}]
    assert ask(services, "AssociateFaces", **request) == first
    assert ask(services, "AssociateFaces", **{**request, "ClientRequestToken": "other"})["AssociatedFaces"] == []
    gone = ask(services, "DisassociateFaces", **request)
    assert gone["DisassociatedFaces"] == [{"FaceId": one}]
    assert ask(services, "DisassociateFaces", **request) == gone
    assert ask(services, "AssociateFaces", **request) == first, (
        "the token is still known, though the face is free again"
    )
    for _ in range(2):
        assert ask(services, "DeleteUser", UserId="ann", ClientRequestToken=TOKEN) == {}
    assert code_of(services, "DeleteUser", UserId="ann", ClientRequestToken="x") == "ResourceNotFoundException"
    assert count(services) == 0
    assert two


def test_a_token_stands_for_one_request(services: Services) -> None:
    ask(services, "CreateUser", UserId="ann", ClientRequestToken=TOKEN)
    mismatch = "IdempotentParameterMismatchException"
    assert code_of(services, "CreateUser", UserId="bob", ClientRequestToken=TOKEN) == mismatch
    create(services.engine, "other")
    assert code_of(services, "CreateUser", CollectionId="other", UserId="ann", ClientRequestToken=TOKEN) == mismatch
    create(services.engine, account="9" * 12)
    assert ask(services, "CreateUser", account="9" * 12, UserId="bob", ClientRequestToken=TOKEN) == {}
    assert code_of(services, "CreateUser", UserId="ann", ClientRequestToken="another") == "ConflictException"
    assert code_of(services, "CreateUser", UserId="ann") == "ConflictException"


def test_what_was_refused_may_be_asked_for_again(services: Services) -> None:
    assert code_of(services, "DeleteUser", UserId="ann", ClientRequestToken=TOKEN) == "ResourceNotFoundException"
    ask(services, "CreateUser", UserId="ann")
    assert ask(services, "DeleteUser", UserId="ann", ClientRequestToken=TOKEN) == {}
    ask(services, "CreateUser", UserId="bob")
    assert ask(services, "DeleteUser", UserId="bob", ClientRequestToken="x") == {}


def test_a_token_says_nothing_about_another_collection_of_the_name(services: Services) -> None:
    for _ in range(2):
        ask(services, "CreateUser", UserId="ann", ClientRequestToken=TOKEN)
        assert count(services) == 1
        with writing(services.engine) as connection:
            collections.remove(connection, ACCOUNT, "people")
        code = code_of(services, "CreateUser", UserId="ann", ClientRequestToken=TOKEN)
        assert code == "ResourceNotFoundException"
        create(services.engine)


def test_tokens_are_forgotten_after_a_week(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(services, "CreateUser", UserId="ann", ClientRequestToken=TOKEN)
    sweep(services, utcnow() + TOKEN_LIFE - timedelta(minutes=1))
    assert code_of(services, "CreateUser", UserId="bob", ClientRequestToken=TOKEN)
    sweep(services, utcnow() + TOKEN_LIFE)
    ask(services, "CreateUser", UserId="bob", ClientRequestToken=TOKEN)
    late = utcnow() + TOKEN_LIFE
    monkeypatch.setattr("pipeline.store.once.utcnow", lambda: late)
    ask(services, "CreateUser", UserId="eve", ClientRequestToken=TOKEN)
    assert count(services) == 3


def test_the_same_request_many_times_at_once_is_done_once(services: Services) -> None:
    faces = [face.id for face in keep(services.engine, people(1, 3))]
    made = at_once([lambda: ask(services, "CreateUser", UserId="ann", ClientRequestToken=TOKEN)] * 6)
    assert made == [{}] * 6
    request = {"UserId": "ann", "FaceIds": faces, "UserMatchThreshold": 0.0, "ClientRequestToken": TOKEN}
    answers = at_once([lambda: ask(services, "AssociateFaces", **request)] * 6)
    assert answers == [answers[0]] * 6
    assert [one["FaceId"] for one in answers[0]["AssociatedFaces"]] == faces
    assert count(services) == 1


def test_other_requests_with_one_token_at_once(services: Services) -> None:
    names = ["ann", "bob", "eve", "ned"]
    calls = [lambda name=name: ask(services, "CreateUser", UserId=name, ClientRequestToken=TOKEN) for name in names]
    answers = at_once(calls)
    assert answers.count({}) == 1
    assert answers.count("IdempotentParameterMismatchException") == 3
    assert count(services) == 1


def test_two_users_cannot_have_one_face(services: Services) -> None:
    faces = [face.id for face in keep(services.engine, people(1, 4))]
    names = ["ann", "bob", "eve", "ned"]
    for name in names:
        ask(services, "CreateUser", UserId=name)
    calls = [lambda name=name: ask(services, "AssociateFaces", UserId=name, FaceIds=faces) for name in names]
    answers = at_once(calls)
    assert sorted(len(one["AssociatedFaces"]) for one in answers) == [0, 0, 0, 4]
    reasons = [one["Reasons"] for answer in answers for one in answer["UnsuccessfulFaceAssociations"]]
    assert reasons == [["ASSOCIATED_TO_A_DIFFERENT_USER"]] * 12


def test_changes_of_one_user_at_once_take_turns(services: Services) -> None:
    faces = [face.id for face in keep(services.engine, people(1, 40, clusters=1))]
    ask(services, "CreateUser", UserId="ann")
    parts = [faces[n : n + 5] for n in range(0, 40, 5)]
    answers = at_once([lambda part=part: ask(services, "AssociateFaces", UserId="ann", FaceIds=part) for part in parts])
    assert sum(len(one["AssociatedFaces"]) for one in answers) == 40
    calls: list[Callable[[], Any]] = [
        lambda part=part: ask(services, "DisassociateFaces", UserId="ann", FaceIds=part) for part in parts[:4]
    ]
    calls += [lambda: ask(services, "SearchUsers", UserId="ann")] * 3
    calls += [lambda: ask(services, "SearchUsers", FaceId=faces[-1])] * 3
    answers = at_once(calls)
    assert all(isinstance(one, dict) for one in answers), answers
    assert [[one["User"]["UserId"] for one in found["UserMatches"]] for found in answers[7:]] == [["ann"]] * 3
    code = at_once([lambda: ask(services, "DeleteUser", UserId="ann")] * 3)
    assert sorted(map(str, code)) == ["ResourceNotFoundException", "ResourceNotFoundException", "{}"]
    assert count(services) == 0


_KILLED = """
import os, signal, sys
from pathlib import Path
import pipeline.store.users as users
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.jobs_installation import RememberingQueue
from tests.support.user_calls import ask
folder, url, secret, when, *faces = sys.argv[1:]
services = Services.from_settings(Settings(data_dir=Path(folder), database_url=url, secret_key=secret), RememberingQueue())
if when == "before":
    renew = users.user_vectors.renew
    def die(*arguments):
        renew(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    users.user_vectors.renew = die
ask(services, "AssociateFaces", UserId="ann", FaceIds=faces, ClientRequestToken="token")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_is_killed_has_done_all_or_nothing(services: Services, when: str) -> None:
    """Before or after its transaction ends; whoever repeats the request has the whole answer."""
    faces = [face.id for face in keep(services.engine, people(1, 3, clusters=1))]
    ask(services, "CreateUser", UserId="ann")
    settings = services.settings
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    arguments = [str(settings.data_dir), settings.sqlalchemy_url, secret, when, *faces]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    kept = ask(services, "ListUsers")["Users"][0]["UserStatus"]
    assert kept == ("CREATED" if when == "before" else "ACTIVE")
    answer = ask(services, "AssociateFaces", UserId="ann", FaceIds=faces, ClientRequestToken="token")
    assert [one["FaceId"] for one in answer["AssociatedFaces"]] == faces
    matches = ask(services, "SearchUsers", FaceId=faces[0])["UserMatches"]
    assert [one["User"]["UserId"] for one in matches] == ["ann"]
