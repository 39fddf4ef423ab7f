"""A long video delays nobody: neither other accounts nor its own, and what an operator says of priorities holds; in the order of events."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.service import Service, wait_until
from tests.support.small_video import RATE, write_video

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

LONG_S, SHORT_S = 400, 10


def _client(service: Service, account: str) -> Any:
    key = json.loads(service.cli("keys", "create", "--account", account))
    return boto3.client(
        "rekognition",
        endpoint_url=service.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def _over(client: Any, job: str) -> bool:
    answer = client.get_segment_detection(JobId=job)
    assert answer["JobStatus"] != "FAILED", answer
    return bool(answer["JobStatus"] == "SUCCEEDED")


def _progress(service: Service, job: str) -> float:
    return float(json.loads(service.cli("jobs", "show", job))["Progress"])


def test_a_short_clip_ends_while_the_long_video_before_it_still_runs(
    fresh: Callable[..., Service], tmp_path: Path
) -> None:
    service = fresh(chunk_s="5", concurrency="1")
    write_video(tmp_path / "long.mp4", LONG_S * RATE)
    write_video(tmp_path / "short.mp4", SHORT_S * RATE)
    videos = {name: service.put("videos", f"{name}.mp4", tmp_path / f"{name}.mp4") for name in ("long", "short")}
    first, second = service.client("rekognition"), _client(service, "2" * 12)
    shots = {"SegmentTypes": ["SHOT"]}
    long = first.start_segment_detection(Video=videos["long"], **shots)["JobId"]
    wait_until(lambda: _progress(service, long) > 0, 240, poll_s=2)
    short = second.start_segment_detection(Video=videos["short"], **shots)["JobId"]
    own_short = first.start_segment_detection(Video=videos["short"], **shots)["JobId"]
    wait_until(lambda: _over(second, short), 240)
    assert not _over(first, long)
    wait_until(lambda: _over(first, own_short), 240)
    assert not _over(first, long)
    hurried = _with_header(service.client("rekognition"), "high").start_segment_detection(
        Video=videos["short"], **shots
    )["JobId"]
    assert json.loads(service.cli("jobs", "show", hurried))["Priority"] == "high"
    assert "low" in service.cli("jobs", "priority", long, "low")
    assert [json.loads(line)["Priority"] for line in service.cli("jobs", "list", "--json").splitlines()][-1] == "low"
    with pytest.raises(ClientError, match="X-Reelsight-Priority: 'now' is none of high, normal, low"):
        _with_header(service.client("rekognition"), "now").start_segment_detection(Video=videos["short"], **shots)
    service.cli("jobs", "cancel", long)


def _with_header(client: Any, priority: str) -> Any:
    """The client, as docs/operations.md says how to name a priority."""

    def name(request: Any, **_: Any) -> None:
        request.headers["X-Reelsight-Priority"] = priority

    client.meta.events.register("before-sign.rekognition", name)
    return client
