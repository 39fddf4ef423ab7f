"""The completion message and the envelope, against the examples of AWS's guides."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.jobs.types import Job, JobState, VideoRef
from pipeline.notify.message import Kind, Links, Notification, body, completion, envelope, invitation, timestamp

TOPIC = "arn:aws:sns:us-east-1:111122223333:AmazonRekognitionDone"
SUBSCRIPTION = f"{TOPIC}:6b2f3d0a-0000-4000-8000-000000000000"
LINKS = Links(actions="http://host:8080", certificates="https://host:8443")
THEN = datetime(2012, 5, 2, 0, 54, 6, 655321, tzinfo=UTC)

JOB = Job(
    id="270c1cc5e1d0ea2fbc59d97cb69a72a5495da75851976b14a1784ca90fc180e3",
    account="111122223333",
    operation="LabelDetection",
    parameters={},
    video=VideoRef("bucket", "video.mp4", "v7", "etag", 1),
    state=JobState.SUCCEEDED,
    created_at=datetime(2017, 11, 16, tzinfo=UTC),
    job_tag="DetectingLabels",
    finished_at=datetime.fromtimestamp(1510865364756 / 1000, UTC),
)


def test_completion_is_the_message_of_the_guide() -> None:
    assert completion(JOB) == (
        '{"JobId":"270c1cc5e1d0ea2fbc59d97cb69a72a5495da75851976b14a1784ca90fc180e3","Status":"SUCCEEDED",'
        '"API":"StartLabelDetection","JobTag":"DetectingLabels","Timestamp":1510865364756,'
        '"Video":{"S3ObjectName":"video.mp4","S3Bucket":"bucket"}}'
    )


def test_job_tag_is_absent_when_not_given() -> None:
    message = json.loads(completion(replace(JOB, job_tag=None, state=JobState.FAILED, operation="SegmentDetection")))
    assert list(message) == ["JobId", "Status", "API", "Timestamp", "Video"]
    assert (message["Status"], message["API"]) == ("FAILED", "StartSegmentDetection")


@pytest.mark.parametrize("change", [{"state": JobState.RUNNING}, {"state": JobState.QUEUED}, {"finished_at": None}])
def test_an_open_job_has_no_completion(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not finished"):
        completion(replace(JOB, **change))


def test_names_that_utf8_cannot_hold_do_not_break_the_message() -> None:
    job = replace(JOB, video=VideoRef("bucket", "half \ud83d é.mp4", None, "etag", 1))
    assert json.loads(completion(job).encode())["Video"]["S3ObjectName"] == "half \ud83d é.mp4"


def notification(**changes: object) -> Notification:
    return replace(Notification("id-1", Kind.NOTIFICATION, TOPIC, "hello", THEN), **changes)


def test_notification_has_the_members_of_sns_in_their_order() -> None:
    message = envelope(notification(subject="Done"), SUBSCRIPTION, "http", LINKS)
    assert list(message) == ["Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "UnsubscribeURL"]
    assert message["Timestamp"] == "2012-05-02T00:54:06.655Z"
    assert message["UnsubscribeURL"] == f"http://host:8080/?Action=Unsubscribe&SubscriptionArn={SUBSCRIPTION}"
    assert "Subject" not in envelope(notification(), SUBSCRIPTION, "http", LINKS)


@pytest.mark.parametrize("kind", [Kind.SUBSCRIPTION_CONFIRMATION, Kind.UNSUBSCRIBE_CONFIRMATION])
def test_confirmation_says_where_to_go(kind: Kind) -> None:
    text = invitation(kind, TOPIC, SUBSCRIPTION)
    message = envelope(notification(kind=kind, message=text, token="t0k"), SUBSCRIPTION, "http", LINKS)
    assert list(message) == ["Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp"]
    assert message["SubscribeURL"] == f"http://host:8080/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0k"
    assert "visit the SubscribeURL included in this message." in message["Message"]


def test_json_structure_gives_each_protocol_its_text() -> None:
    texts = notification(message=json.dumps({"default": "d", "https": "h"}), structure="json")
    assert (texts.text_for("https"), texts.text_for("http")) == ("h", "d")


def test_body_is_spaced_as_sns_does_and_utf8() -> None:
    assert (
        body({"Type": "Notification", "Message": "é"}).decode() == '{\n  "Type" : "Notification",\n  "Message" : "é"\n}'
    )


def test_timestamps_are_utc_with_milliseconds() -> None:
    assert timestamp(THEN.astimezone(timezone(timedelta(hours=2)))) == "2012-05-02T00:54:06.655Z"
    assert timestamp(datetime(2020, 1, 1, tzinfo=UTC)) == "2020-01-01T00:00:00.000Z"
