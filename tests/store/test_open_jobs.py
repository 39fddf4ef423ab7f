"""The limit of open jobs and the priority that a request names, on both databases."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.caller import wanted_priority
from pipeline.catalog import OPERATIONS
from pipeline.conduct.cancel import cancel
from pipeline.conduct.submit import submit
from pipeline.errors import RequestError, SetupError
from pipeline.jobs.priority import LEVELS
from pipeline.services import Services
from pipeline.settings import settings_of
from pipeline.store import jobs
from pipeline.store.engine import reading
from tests.support.conducting import job
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

LABELS = OPERATIONS["LabelDetection"]
LIMIT = 3
OTHER = "4" * 12


@pytest.fixture
def limited(services: Services) -> Services:
    """Services with a video, and a limit."""
    services.objects.put("videos", "a.mp4", b"not looked into yet")
    return _with(services, max_open_jobs=LIMIT)


@pytest.fixture(autouse=True)
def _no_header() -> Iterator[None]:
    token = wanted_priority.set(None)
    yield
    wanted_priority.reset(token)


def _with(services: Services, **changed: object) -> Services:
    return replace(services, settings=services.settings.model_copy(update=changed))


def _start(services: Services, account: str = ACCOUNT, **members: Any) -> str:
    video = {"S3Object": {"Bucket": "videos", "Name": "a.mp4"}}
    return submit(services, account, LABELS, {"Video": video, **members})["JobId"]


def _open(services: Services, account: str = ACCOUNT) -> int:
    with reading(services.engine) as connection:
        return jobs.count_open(connection, account)


def test_an_account_with_as_many_open_jobs_as_it_may_is_refused_in_the_words_of_aws(limited: Services) -> None:
    ids = [_start(limited) for _ in range(LIMIT)]
    with pytest.raises(RequestError) as caught:
        _start(limited)
    assert caught.value.code == "LimitExceededException"
    assert caught.value.message == f"3 open Jobs for User arn:aws:iam::{ACCOUNT}:root Maximum limit: 3"
    _start(limited, OTHER)
    cancel(limited, ids[0])
    _start(limited)
    assert _open(limited) == LIMIT


def test_a_token_answers_at_the_limit_too(limited: Services) -> None:
    first = _start(limited, ClientRequestToken="t")
    for _ in range(LIMIT - 1):
        _start(limited)
    assert _start(limited, ClientRequestToken="t") == first
    with pytest.raises(RequestError, match="already in use"):
        _start(limited, ClientRequestToken="t", JobTag="other")


def test_without_a_limit_all_jobs_are_queued(limited: Services) -> None:
    for _ in range(2 * LIMIT):
        _start(_with(limited, max_open_jobs=None))
    assert _open(limited) == 2 * LIMIT


@pytest.mark.parametrize("token", [None, "t"])
def test_the_limit_is_exact_however_many_ask_at_once(limited: Services, token: str | None) -> None:
    given = {} if token is None else {"ClientRequestToken": token}
    services = limited if token is None else _with(limited, max_open_jobs=1)
    barrier, answers = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait()
        try:
            answers.append(_start(services, **given))
        except RequestError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = answers.count("LimitExceededException")
    if token is None:
        assert (refused, _open(services)) == (8 - LIMIT, LIMIT)
    else:
        assert (refused, len(set(answers)), _open(services)) == (0, 1, 1)


def test_a_header_names_the_priority_otherwise_the_accounts_holds(limited: Services) -> None:
    services = _with(limited, max_open_jobs=None, account_priorities={OTHER: "low"})
    assert job(services, _start(services)).priority == 0
    assert job(services, _start(services, OTHER)).priority == LEVELS["low"]
    wanted_priority.set(" High ")
    first = _start(services, OTHER, ClientRequestToken="t")
    assert job(services, first).priority == LEVELS["high"]
    wanted_priority.set("low")
    assert _start(services, OTHER, ClientRequestToken="t") == first
    wanted_priority.set("urgent" * 100)
    with pytest.raises(RequestError, match="header X-Reelsight-Priority: 'urgenturgent") as caught:
        _start(services)
    assert caught.value.code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ACCOUNT_SHARES", '{"123": 1}', "12 digits"),
        ("ACCOUNT_SHARES", '{"111122223333": 0}', "not within"),
        ("ACCOUNT_SHARES", '{"111122223333": NaN}', "not within"),
        ("ACCOUNT_PRIORITIES", '{"111122223333": "urgent"}', "'urgent' is none of high, normal, low"),
        ("MAX_OPEN_JOBS", "-1", "greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(f"REELSIGHT_{name}", value)
    with pytest.raises(SetupError, match=told) as caught:
        settings_of(None)
    assert f"REELSIGHT_{name}" in str(caught.value)
