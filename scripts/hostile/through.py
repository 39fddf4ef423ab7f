"""Hostile files through a running service: jobs for videos, operations on images, as a client asks for them."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline.catalog import OPERATIONS
from scripts.hostile.mutations import Case
from scripts.hostile.pool import HANG_S, OURS, Finding, environment
from scripts.hostile.serving import Serving, serving

WAVE = 30
"""Files under way at once."""
KINDS = (
    "SegmentDetection",
    "FaceDetection",
    "LabelDetection",
    "PersonTracking",
    "TextDetection",
    "ContentModeration",
    "CelebrityRecognition",
    "FaceSearch",
)
COLLECTION = "hostile"
SETTINGS = {"sweep_s": 1, "linger_s": 0.2, "image_timeout_s": 120, "concurrency": 1, "image_children": 1}

Keep = Callable[[Finding, Case], None]


def through_service(folder: Path, cases: Sequence[Case], keep: Keep) -> None:
    """Sends all cases through a service of their own; `keep` is told of each, and of what the service suffered."""
    with serving(folder, environment(folder), **SETTINGS) as service:
        client = client_of(service)
        client.create_collection(CollectionId=COLLECTION)
        for number, wave in enumerate(batches(cases, WAVE)):
            _wave(service, client, wave, keep, KINDS if number % 5 == 0 else KINDS[:2])
        aftermath(service, keep)


def batches(cases: Sequence[Case], size: int) -> Iterator[Sequence[Case]]:
    """The cases in groups."""
    for begin in range(0, len(cases), size):
        yield cases[begin : begin + size]


def client_of(service: Serving) -> Any:
    """boto3, which asks once."""
    key, secret = service.credentials()
    config = Config(retries={"total_max_attempts": 1}, read_timeout=180)
    place = {"endpoint_url": service.endpoint, "region_name": "us-east-1", "config": config}
    return boto3.client("rekognition", aws_access_key_id=key, aws_secret_access_key=secret, **place)


def aftermath(service: Serving, keep: Keep) -> None:
    """Tells of what must not have happened: programs that died, lines of the log, files that stayed."""
    left = (path.name for path in (service.folder / "tmp").iterdir() if path.name not in OURS)
    temporary = [name for name in left if not name.startswith("pymp-")]  # of pools, for as long as they live
    told = [
        *(("died", command) for command in service.dead()),
        *(("broke", f"{count} x {line}") for line, count in service.broken().items()),
        *(("leaked", name) for name in temporary),
    ]
    for outcome, message in told:
        case = Case("service", "aftermath", "service", b"")
        keep(_finding(case, outcome, message, 0.0, service), case)


def _wave(service: Serving, client: Any, wave: Sequence[Case], keep: Keep, kinds: Sequence[str]) -> None:
    begun, under_way = time.monotonic(), []
    for case in wave:
        where = service.put("hostile", case.name, case.content)
        if not case.content:
            outcome, message = _refused(lambda where=where: client.start_label_detection(Video=where))
        elif case.is_picture:
            outcome, message = _refused(lambda where=where: client.detect_faces(Image=where))
        else:
            under_way.append((case, [(kind, _start(client, kind, where)) for kind in kinds]))
            continue
        keep(_finding(case, outcome, message, 0.0, service), case)
    for case, jobs in under_way:
        ends = [_end(client, kind, job, begun + HANG_S * len(kinds)) for kind, job in jobs]
        outcome, message = max(ends, key=lambda end: end[0] != "SUCCEEDED")
        keep(_finding(case, outcome, message, time.monotonic() - begun, service), case)


def _start(client: Any, kind: str, where: dict[str, Any]) -> str:
    more = {"CollectionId": COLLECTION} if OPERATIONS[kind].collection else dict(OPERATIONS[kind].minimal)
    job: str = client._make_api_call(f"Start{kind}", {"Video": where, **more})["JobId"]  # noqa: SLF001 - by the operation's own name
    return job


def _end(client: Any, kind: str, job: str, deadline: float) -> tuple[str, str]:
    """Status and message of a job, waited for."""
    while time.monotonic() < deadline:
        answer = client._make_api_call(f"Get{kind}", {"JobId": job})  # noqa: SLF001
        if answer["JobStatus"] != "IN_PROGRESS":
            return answer["JobStatus"], answer.get("StatusMessage", "")
        time.sleep(0.3)
    return "hung", f"{kind} is still in progress"


def _refused(call: Callable[[], object]) -> tuple[str, str]:
    """SUCCEEDED, or code and message of an error."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "SUCCEEDED", ""


def _finding(case: Case, outcome: str, message: str, seconds: float, service: Serving) -> Finding:
    return Finding(case.name, case.kind, case.container, outcome, message, seconds, service.peak_mb(), "service")
