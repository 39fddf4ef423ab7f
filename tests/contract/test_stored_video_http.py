"""Jobs as boto3 sees them, over real HTTP."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.aggregate.types import Record
from pipeline.catalog import OPERATIONS
from pipeline.jobs.types import JobState
from pipeline.results.writer import write
from pipeline.store import jobs
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.api_installation import VIDEO, client, installation, rekognition
from tests.support.signed_calls import JSON
from tests.support.sns_installation import Installation

__all__ = ["client", "installation"]


def complete(installation: Installation, job_id: str, items: int) -> None:
    """Gives the job results, as the worker that finishes it does."""
    services = installation.services
    bodies = [{"Timestamp": n, "Label": {"Name": f"L{n % 3}", "Confidence": 50.0 + n % 50}} for n in range(items)]
    records = [Record(body, body["Timestamp"], body["Label"]["Name"], body["Label"]["Confidence"]) for body in bodies]
    operation = OPERATIONS["LabelDetection"]
    results = write(records, operation.orders, operation.aggregates, services.work, f"results/{job_id}/")
    with writing(services.engine) as connection:
        job = jobs.find(connection, job_id)
        assert job is not None
        assert jobs.move(connection, job, JobState.RUNNING)
        done = {
            "video_metadata": {"Codec": "h264", "DurationMillis": items, "FrameRate": 25.0},
            "summary": {"LabelModelVersion": "3.0"},
            "finished_at": utcnow(),
            "expires_at": utcnow() + timedelta(days=7),
        }
        assert jobs.move(connection, replace(job, state=JobState.RUNNING), JobState.SUCCEEDED, **done)
        jobs.add_results(connection, job_id, results)


def test_boto3_starts_a_job_waits_and_pages(installation: Installation) -> None:
    user = rekognition(installation)
    request = {"Video": VIDEO, "ClientRequestToken": "once", "JobTag": "tag", "MinConfidence": 60.0}
    job = user.start_label_detection(**request)["JobId"]
    assert re.fullmatch("[0-9a-f]{64}", job)
    assert user.start_label_detection(**request)["JobId"] == job

    waiting = user.get_label_detection(JobId=job)
    assert waiting.pop("ResponseMetadata")["HTTPHeaders"]["content-type"] == JSON
    assert waiting == {"JobId": job, "JobStatus": "IN_PROGRESS", "JobTag": "tag", "Video": VIDEO, "Labels": []}

    complete(installation, job, 2100)
    lists = []
    for size in (7, 1000, 5000):
        found, token = [], {}
        while True:
            page = user.get_label_detection(JobId=job, MaxResults=size, SortBy="NAME", **token)
            assert page["JobStatus"] == "SUCCEEDED"
            assert page["VideoMetadata"]["Codec"] == "h264"
            assert page["GetRequestMetadata"] == {"SortBy": "NAME", "AggregateBy": "TIMESTAMPS"}
            assert len(page["Labels"]) <= min(size, 1000)
            found += page["Labels"]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        lists.append(found)
    assert lists[0] == lists[1] == lists[2]
    assert len(lists[0]) == 2100


def test_a_job_of_another_account_does_not_exist(installation: Installation) -> None:
    job = rekognition(installation).start_face_detection(Video=VIDEO)["JobId"]
    stranger = rekognition(installation, installation.services.keys.create("999988887777"))
    with pytest.raises(stranger.exceptions.ResourceNotFoundException, match=job):
        stranger.get_face_detection(JobId=job)


def test_a_changed_request_under_one_token_is_refused(installation: Installation) -> None:
    user = rekognition(installation)
    user.start_face_detection(Video=VIDEO, ClientRequestToken="mine")
    with pytest.raises(user.exceptions.IdempotentParameterMismatchException):
        user.start_face_detection(Video=VIDEO, ClientRequestToken="mine", FaceAttributes="ALL")


@pytest.mark.parametrize(
    "video",
    [{}, {"S3Object": {"Bucket": "videos", "Name": "none.mp4"}}, {"S3Object": {"Bucket": "videos", "Name": "a\1b"}}],
)
def test_a_video_that_is_not_there_is_refused(installation: Installation, video: dict[str, Any]) -> None:
    user = rekognition(installation)
    with pytest.raises(user.exceptions.InvalidS3ObjectException):
        user.start_segment_detection(Video=video, SegmentTypes=["SHOT"])
