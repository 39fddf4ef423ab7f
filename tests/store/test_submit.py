"""Start*: checks of the object and the topic, and tokens, on both databases."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.catalog import OPERATIONS, STEP
from pipeline.conduct.submit import submit
from pipeline.errors import RequestError
from pipeline.jobs.types import JobState
from pipeline.services import Services
from pipeline.store import collections, jobs
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, RememberingQueue, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

LABELS, FACES = OPERATIONS["LabelDetection"], OPERATIONS["FaceDetection"]
VIDEO = {"S3Object": {"Bucket": "videos", "Name": "a.mp4"}}
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
CHANNEL = {"SNSTopicArn": TOPIC, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}


@pytest.fixture(autouse=True)
def _video(services: Services) -> None:
    services.objects.put("videos", "a.mp4", b"not looked into yet")
    with writing(services.engine) as connection:
        services.topics.create(connection, TOPIC, {}, {}, utcnow())


def _start(services: Services, **members: Any) -> str:
    return submit(services, ACCOUNT, LABELS, {"Video": VIDEO, **members})["JobId"]


def _refusal(services: Services, **members: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        _start(services, **members)
    return caught.value


def _all_jobs(services: Services) -> list[Any]:
    with reading(services.engine) as connection:
        return jobs.listed(connection, None, None, 100)


def test_a_job_is_queued_with_what_the_request_said(services: Services, queue: RememberingQueue) -> None:
    job_id = _start(services, MinConfidence=75.5, JobTag="tag", NotificationChannel=CHANNEL, ClientRequestToken="t")
    (job,) = _all_jobs(services)
    assert (job.id, job.account, job.operation, job.state) == (job_id, ACCOUNT, "LabelDetection", JobState.QUEUED)
    assert (job.parameters, job.job_tag, job.topic_arn) == ({"MinConfidence": 75.5}, "tag", TOPIC)
    assert job.video.wire == VIDEO
    assert len(job_id) == 64
    assert set(job_id) <= set("0123456789abcdef")
    assert queue.plans == 1


def test_the_same_token_and_parameters_give_the_same_job(services: Services, queue: RememberingQueue) -> None:
    first = _start(services, MinConfidence=1.0, JobTag="x", ClientRequestToken="t")
    services.objects.delete("videos", "a.mp4")
    assert _start(services, JobTag="x", MinConfidence=1.0, ClientRequestToken="t") == first
    assert len(_all_jobs(services)) == 1
    assert queue.plans == 1


def test_a_job_keeps_the_step_that_held_when_it_was_started(services: Services) -> None:
    _start(replace(services, settings=services.settings.model_copy(update={"sampling_ms": {"labels": 250}})))
    _start(services, MinConfidence=60.0)
    assert {job.parameters.get(STEP) for job in _all_jobs(services)} == {250, None}


@pytest.mark.parametrize("changed", [{"MinConfidence": 2.0}, {"JobTag": "other"}, {"NotificationChannel": CHANNEL}])
def test_a_token_stands_for_one_set_of_parameters(services: Services, changed: dict[str, Any]) -> None:
    _start(services, MinConfidence=1.0, ClientRequestToken="t")
    error = _refusal(services, **{"MinConfidence": 1.0, "ClientRequestToken": "t", **changed})
    assert error.code == "IdempotentParameterMismatchException"
    assert error.message == "The ClientRequestToken: t you have supplied is already in use."


def test_tokens_of_other_accounts_and_operations_are_others(services: Services) -> None:
    request = {"Video": VIDEO, "ClientRequestToken": "t"}
    ids = {submit(services, account, op, request)["JobId"] for account in (ACCOUNT, "4" * 12) for op in (LABELS, FACES)}
    assert len(ids) == 4


def test_a_token_dies_after_seven_days(services: Services) -> None:
    request, day = {"Video": VIDEO, "ClientRequestToken": "t"}, timedelta(days=1)
    now = utcnow()
    first = submit(services, ACCOUNT, LABELS, request, now - 7 * day - timedelta(seconds=1))
    second = submit(services, ACCOUNT, LABELS, request, now)
    assert first != second
    assert submit(services, ACCOUNT, LABELS, request, now + 7 * day - timedelta(seconds=1)) == second


def test_without_a_token_every_call_is_a_job(services: Services) -> None:
    assert _start(services) != _start(services)


def test_submissions_at_once_with_one_token_are_one_job(services: Services, queue: RememberingQueue) -> None:
    ids: list[str] = []
    start = threading.Barrier(8)

    def call() -> None:
        start.wait()
        ids.append(_start(services, ClientRequestToken="t"))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert len(_all_jobs(services)) == 1
    assert queue.plans == 1


@pytest.mark.parametrize(
    "s3_object",
    [
        {"Bucket": "videos", "Name": "none.mp4"},
        {"Bucket": "no-bucket", "Name": "a.mp4"},
        {"Bucket": "videos", "Name": "a.mp4", "Version": "1"},
        {"Bucket": "videos", "Name": "../videos/a.mp4"},
        {"Bucket": "videos", "Name": "empty.mp4"},
        {},
    ],
)
def test_a_video_that_cannot_be_read_is_refused(services: Services, s3_object: dict[str, str]) -> None:
    services.objects.put("videos", "empty.mp4", b"")
    assert _refusal(services, Video={"S3Object": s3_object}).code == "InvalidS3ObjectException"
    assert _all_jobs(services) == []


def test_a_video_that_is_too_large_is_refused(services: Services) -> None:
    limit = services.settings.max_video_bytes
    with (services.settings.buckets_path / "videos" / "big").open("wb") as file:
        file.truncate(limit + 1)
    error = _refusal(services, Video={"S3Object": {"Bucket": "videos", "Name": "big"}})
    assert error.code == "VideoTooLargeException"
    assert error.message == f"Video size in bytes: {limit + 1} is more than the maximum limit of: {limit} bytes."


@pytest.mark.parametrize("arn", [TOPIC + "x", TOPIC.replace(ACCOUNT, "4" * 12)])
def test_the_topic_must_exist_in_the_account(services: Services, arn: str) -> None:
    error = _refusal(services, NotificationChannel={**CHANNEL, "SNSTopicArn": arn})
    assert error.code == "InvalidParameterException"
    assert arn in error.message


def test_the_collection_must_exist_in_the_account(services: Services) -> None:
    search = replace(LABELS, collection="CollectionId")
    request = {"Video": VIDEO, "CollectionId": "people"}
    with writing(services.engine) as connection:
        collections.create(connection, "4" * 12, "people", "us-east-1", utcnow())
    with pytest.raises(RequestError, match="The collection id: people does not exist") as caught:
        submit(services, ACCOUNT, search, request)
    assert caught.value.code == "ResourceNotFoundException"
    assert _all_jobs(services) == []
    with writing(services.engine) as connection:
        collections.create(connection, ACCOUNT, "people", "us-east-1", utcnow())
    submit(services, ACCOUNT, search, request)
    (job,) = _all_jobs(services)
    assert job.parameters == {"CollectionId": "people"}
