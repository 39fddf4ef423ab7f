"""A real video through the whole service, as an AWS user drives it."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.catalog import OPERATIONS
from scripts.still import filmed, still
from tests.support.receiver import Receiver, receiving
from tests.support.service import ROLE, Service, pages, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

STARTS = {
    "segment_detection": {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]},
    "face_detection": {"FaceAttributes": "ALL"},
    "label_detection": {"MinConfidence": 50},
    "person_tracking": {},
    "text_detection": {},
    "content_moderation": {},
    "celebrity_recognition": {},
    "face_search": {"CollectionId": "people"},
}
KEYS = {
    "segment_detection": "Segments",
    "face_detection": "Faces",
    "label_detection": "Labels",
    "person_tracking": "Persons",
    "text_detection": "TextDetections",
    "content_moderation": "ModerationLabels",
    "celebrity_recognition": "Celebrities",
    "face_search": "Persons",
}
NOTHING_THERE = {"content_moderation", "celebrity_recognition"}
"""The clip is harmless, and nobody in it is known."""
OMAR_MS = 29_000
"""When the engineer Omar, whom the last shots show, looks into the camera."""


@pytest.fixture(scope="module")
def inbox() -> Iterator[Receiver]:
    """A webhook on loopback."""
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def topic(service: Service, inbox: Receiver) -> str:
    """A topic whose subscription is confirmed."""
    sns = service.client("sns")
    arn = sns.create_topic(Name="AmazonRekognitionTests")["TopicArn"]
    earlier = len(inbox.messages("SubscriptionConfirmation"))  # of the other shape
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=inbox.url)
    envelope = wait_until(lambda: next(iter(inbox.messages("SubscriptionConfirmation")[earlier:]), None))
    with urllib.request.urlopen(envelope["SubscribeURL"], timeout=10) as answer:
        assert b"<SubscriptionArn>" in answer.read()
    return str(arn)


@pytest.fixture(scope="module")
def jobs(service: Service, media: Path, topic: str) -> Iterator[dict[str, str]]:
    """All analyses of one clip, submitted in a burst and finished: operation -> JobId."""
    clip = media / "videos/googlework_short.mp4"
    video = service.put("videos", "google work.mp4", clip)
    rekognition = service.client("rekognition")
    rekognition.create_collection(CollectionId="people")
    portrait = {"Bytes": still(clip, OMAR_MS)}
    rekognition.index_faces(CollectionId="people", Image=portrait, MaxFaces=1, ExternalImageId="omar")
    channel = {"SNSTopicArn": topic, "RoleArn": ROLE}
    started = {
        name: getattr(rekognition, f"start_{name}")(
            Video=video, NotificationChannel=channel, JobTag="burst", **arguments
        )["JobId"]
        for name, arguments in STARTS.items()
    }
    for name, job in started.items():
        get = getattr(rekognition, f"get_{name}")
        wait_until(lambda get=get, job=job: get(JobId=job)["JobStatus"] != "IN_PROGRESS", 240)
    yield started
    rekognition.delete_collection(CollectionId="people")


def notifications(inbox: Receiver) -> list[dict[str, Any]]:
    return [json.loads(e["Message"]) for e in inbox.messages("Notification")]


def test_results_are_true_of_the_clip(service: Service, jobs: dict[str, str]) -> None:
    rekognition = service.client("rekognition")
    found = {name: list(pages(getattr(rekognition, f"get_{name}"), job)) for name, job in jobs.items()}
    for name, job in jobs.items():
        first = found[name][0]
        assert (first["JobStatus"], first["JobId"], first["JobTag"]) == ("SUCCEEDED", job, "burst")
        metadata = first["VideoMetadata"][0] if name == "segment_detection" else first["VideoMetadata"]
        assert (metadata["Codec"], metadata["FrameWidth"], metadata["FrameHeight"]) == ("h264", 320, 180)
        assert metadata["Format"] == "QuickTime / MOV"
    shots = [s for p in found["segment_detection"] for s in p["Segments"] if s["Type"] == "SHOT"]
    assert 20 <= len(shots) <= 23  # the clip has 20 hard cuts
    assert shots[0]["StartFrameNumber"] == 0
    assert {s["StartFrameNumber"] for s in shots} >= {17, 36, 54, 432, 949}
    labels = {item["Label"]["Name"] for p in found["label_detection"] for item in p["Labels"]}
    assert "Person" in labels
    faces = [f for p in found["face_detection"] for f in p["Faces"]]
    assert any(f["Timestamp"] > 18_000 for f in faces)
    assert all(0 <= f["Face"]["Confidence"] <= 100 for f in faces)


def items(service: Service, jobs: dict[str, str], name: str) -> list[dict[str, Any]]:
    """All items of one of the analyses."""
    get = getattr(service.client("rekognition"), f"get_{name}")
    return [item for page in pages(get, jobs[name]) for item in page[KEYS[name]]]


def test_attributes_of_faces_are_those_of_the_man_in_view(service: Service, jobs: dict[str, str]) -> None:
    there = [i["Face"] for i in items(service, jobs, "face_detection") if 28_000 <= i["Timestamp"] <= 31_000]
    assert len(there) >= 5
    assert sum(face["Gender"]["Value"] == "Male" for face in there) > 0.8 * len(there)
    for face in there:
        assert len(face["Landmarks"]) == 30
        assert sum(emotion["Confidence"] for emotion in face["Emotions"]) == pytest.approx(100, abs=0.1)
        assert 15 < face.get("AgeRange", {"High": 40})["High"] < 70
        assert abs(face["Pose"]["Roll"]) < 30


def test_people_keep_their_index_while_they_are_in_view(service: Service, jobs: dict[str, str]) -> None:
    persons = items(service, jobs, "person_tracking")
    seen: dict[int, list[int]] = {}
    for item in persons:
        seen.setdefault(item["Person"]["Index"], []).append(item["Timestamp"])
    firsts = [min(times) for _, times in sorted(seen.items())]
    assert firsts == sorted(firsts)  # indices are given in the order of appearance, without gaps
    assert set(seen) == set(range(len(seen)))
    carlo = max(seen.values(), key=len)
    assert 20_000 < min(carlo) < 21_500
    assert max(carlo) > 26_500
    assert any("Face" in item["Person"] for item in persons if item["Timestamp"] in carlo)


def test_what_is_written_is_read_while_it_is_shown(service: Service, jobs: dict[str, str]) -> None:
    found = items(service, jobs, "text_detection")
    shown = {
        line: [i["Timestamp"] for i in found if i["TextDetection"]["DetectedText"] == line]
        for line in ("CARLO", "OMAR")
    }
    assert shown["CARLO"]
    assert all(20_500 < moment < 23_600 for moment in shown["CARLO"])
    assert shown["OMAR"]
    assert all(28_300 < moment < 32_000 for moment in shown["OMAR"])
    words = [i["TextDetection"] for i in found if i["TextDetection"]["Type"] == "WORD"]
    assert {"Software", "Engineer"} <= {word["DetectedText"] for word in words}
    assert all("ParentId" in word and word["Confidence"] >= 80 for word in words)


def test_the_man_of_the_collection_is_found_where_he_is(service: Service, jobs: dict[str, str]) -> None:
    persons = items(service, jobs, "face_search")
    matched = [i for i in persons if i.get("FaceMatches")]
    assert len(matched) >= 6
    assert all(27_300 <= i["Timestamp"] <= 31_700 for i in matched)
    assert {i["FaceMatches"][0]["Face"]["ExternalImageId"] for i in matched} == {"omar"}
    assert all(i["FaceMatches"][0]["Similarity"] >= 80 for i in matched)
    assert len({i["Person"]["Index"] for i in matched}) == 1
    assert len(persons) > len(matched)  # strangers are listed without matches


def test_nothing_is_made_up_of_a_harmless_clip_with_strangers(service: Service, jobs: dict[str, str]) -> None:
    assert items(service, jobs, "content_moderation") == []
    celebrities = service.client("rekognition").get_celebrity_recognition(JobId=jobs["celebrity_recognition"])
    assert celebrities["Celebrities"] == []
    assert "reelsight celebrities import" in celebrities["StatusMessage"]


def test_what_is_to_be_moderated_is_found(service: Service, media: Path, tmp_path: Path) -> None:
    video = service.put("videos", "guns.mkv", filmed(media / "images/moderation/guns_21.jpeg", tmp_path))
    rekognition = service.client("rekognition")
    job = rekognition.start_content_moderation(Video=video, MinConfidence=60)["JobId"]
    wait_until(lambda: rekognition.get_content_moderation(JobId=job)["JobStatus"] != "IN_PROGRESS")
    by_name = rekognition.get_content_moderation(JobId=job, SortBy="NAME")["ModerationLabels"]
    assert [i["ModerationLabel"]["Name"] for i in by_name] == ["Violence", "Weapons"]
    assert [i["ModerationLabel"]["TaxonomyLevel"] for i in by_name] == [1, 2]
    (whole, _) = rekognition.get_content_moderation(JobId=job, AggregateBy="SEGMENTS")["ModerationLabels"]
    assert (whole["StartTimestampMillis"], whole["DurationMillis"]) == (0, whole["EndTimestampMillis"])


def test_a_burst_shares_one_decode(service: Service, media: Path) -> None:
    video = service.put("videos", "burst.mp4", media / "videos/CountdownClock_0.mp4")
    rekognition = service.client("rekognition")
    quick = ("segment_detection", "face_detection", "label_detection")
    started = [getattr(rekognition, f"start_{name}")(Video=video, **STARTS[name])["JobId"] for name in quick]

    def planned() -> list[str]:
        rows = [json.loads(line) for line in service.cli("jobs", "list", "--json").splitlines()]
        passes = [row["PassId"] for row in rows if row["JobId"] in started and "PassId" in row]
        return passes if len(passes) == len(started) else []

    assert len(set(wait_until(planned))) == 1


@pytest.mark.parametrize("name", list(STARTS))
def test_pages_of_any_size_concatenate_to_the_same_list(service: Service, jobs: dict[str, str], name: str) -> None:
    get = getattr(service.client("rekognition"), f"get_{name}")
    whole, some = ([i for page in pages(get, jobs[name], size) for i in page[KEYS[name]]] for size in (1000, 33))
    single = [page[KEYS[name]] for page in islice(pages(get, jobs[name], 1), 50)]
    assert some == whole
    assert single == [[item] for item in whole[:50]] or (single, whole) == ([[]], [])
    assert bool(whole) == (name not in NOTHING_THERE)


def test_each_job_is_announced_once(jobs: dict[str, str], inbox: Receiver) -> None:
    mine = wait_until(
        lambda: (m := [n for n in notifications(inbox) if n["JobId"] in jobs.values()]) and len(m) >= len(STARTS) and m
    )
    assert sorted(m["JobId"] for m in mine) == sorted(jobs.values())
    by_api = {m["API"]: m for m in mine}
    assert set(by_api) == {operation.start for operation in OPERATIONS.values()}
    message = by_api["StartFaceDetection"]
    assert message["Status"] == "SUCCEEDED"
    assert message["JobTag"] == "burst"
    assert message["Video"] == {"S3ObjectName": "google work.mp4", "S3Bucket": "videos"}
    assert isinstance(message["Timestamp"], int)


def test_concurrent_submissions_with_one_token_make_one_job(
    service: Service, media: Path, topic: str, inbox: Receiver
) -> None:
    video = service.put("videos", "white.mp4", media / "odd/white_10s.mp4")
    request = {
        "Video": video,
        "ClientRequestToken": "same-token",
        "NotificationChannel": {"SNSTopicArn": topic, "RoleArn": ROLE},
    }
    with ThreadPoolExecutor(8) as pool:
        clients = [service.client("rekognition") for _ in range(8)]
        ids = {job["JobId"] for job in pool.map(lambda c: c.start_face_detection(**request), clients)}
    assert len(ids) == 1
    job = ids.pop()
    rekognition = service.client("rekognition")
    wait_until(lambda: rekognition.get_face_detection(JobId=job)["JobStatus"] == "SUCCEEDED")
    assert rekognition.start_face_detection(**request)["JobId"] == job
    wait_until(lambda: [n for n in notifications(inbox) if n["JobId"] == job])
    with pytest.raises(ClientError) as refused:
        rekognition.start_face_detection(**request, JobTag="other")
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"
    assert len([n for n in notifications(inbox) if n["JobId"] == job]) == 1


def test_a_file_that_is_no_video_fails_its_job_and_says_why(
    service: Service, topic: str, inbox: Receiver, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("This is not a video.\n" * 100)
    video = service.put("videos", "notes.mp4", text)
    rekognition = service.client("rekognition")
    job = rekognition.start_label_detection(Video=video, NotificationChannel={"SNSTopicArn": topic, "RoleArn": ROLE})[
        "JobId"
    ]
    answer = wait_until(lambda: (a := rekognition.get_label_detection(JobId=job))["JobStatus"] != "IN_PROGRESS" and a)
    assert answer["JobStatus"] == "FAILED"
    assert answer["StatusMessage"]
    message = wait_until(lambda: next((n for n in notifications(inbox) if n["JobId"] == job), None))
    assert (message["Status"], "JobTag" in message) == ("FAILED", False)


def test_a_missing_object_is_refused_at_once(service: Service) -> None:
    with pytest.raises(ClientError) as refused:
        service.client("rekognition").start_label_detection(
            Video={"S3Object": {"Bucket": "videos", "Name": "absent.mp4"}}
        )
    assert refused.value.response["Error"]["Code"] == "InvalidS3ObjectException"


def test_another_account_sees_nothing(service: Service, jobs: dict[str, str]) -> None:
    import boto3

    key = json.loads(service.cli("keys", "create", "--account", "111122223333"))
    other = boto3.client(
        "rekognition",
        endpoint_url=service.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    with pytest.raises(ClientError) as refused:
        other.get_face_detection(JobId=jobs["face_detection"])
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    service.cli("keys", "revoke", key["AccessKeyId"])
    with pytest.raises(ClientError) as revoked:
        other.get_face_detection(JobId=jobs["face_detection"])
    assert revoked.value.response["Error"]["Code"] == "UnrecognizedClientException"
