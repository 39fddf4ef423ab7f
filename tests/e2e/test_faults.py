"""Processes are killed at the worst moment; no job is lost, results stay the same, each is announced once."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Receiver, receiving
from tests.support.service import ROLE, Service, pages, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(600)]


def submit(service: Service, media: Path, url: str) -> dict[str, str]:
    """Two jobs for a clip of 35 s in chunks of a few seconds: operation -> JobId."""
    sns = service.client("sns")
    topic = sns.create_topic(Name="faults")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    video = service.put("videos", "clip.mp4", media / "videos/googlework_short.mp4")
    rekognition = service.client("rekognition")
    channel = {"NotificationChannel": {"SNSTopicArn": topic, "RoleArn": ROLE}}
    return {
        "segment_detection": rekognition.start_segment_detection(Video=video, SegmentTypes=["SHOT"], **channel)[
            "JobId"
        ],
        "label_detection": rekognition.start_label_detection(Video=video, **channel)["JobId"],
    }


def confirm(inbox: Receiver) -> None:
    """Follows the SubscribeURL."""
    envelope = wait_until(lambda: next(iter(inbox.messages("SubscriptionConfirmation")), None))
    with urllib.request.urlopen(envelope["SubscribeURL"], timeout=10) as answer:
        answer.read()


def progress(service: Service) -> list[float]:
    """Percent done of every job."""
    return [json.loads(line)["Progress"] for line in service.cli("jobs", "list", "--json").splitlines()]


def finished(service: Service, jobs: dict[str, str]) -> dict[str, list[Any]]:
    """The results of all jobs, once they have SUCCEEDED."""
    rekognition = service.client("rekognition")
    results = {}
    for name, job in jobs.items():
        get = getattr(rekognition, f"get_{name}")
        wait_until(lambda get=get, job=job: get(JobId=job)["JobStatus"] != "IN_PROGRESS", 240)
        found = pages(get, job)
        assert found[0]["JobStatus"] == "SUCCEEDED", found[0]
        results[name] = [item for page in found for key in ("Segments", "Labels") for item in page.get(key, [])]
    return results


def kill(pids: list[int]) -> None:
    """SIGKILL to all."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def video_children(service: Service) -> list[int]:
    """The processes that decode."""
    mains = [pid for pid, command in service.processes().items() if " -Q video " in command]
    return [pid for pid in mains if _parent(pid) in mains]


def redis(service: Service) -> list[int]:
    """The private broker."""
    return [pid for pid, command in service.processes().items() if "redis-server" in command]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, media: Path, models_dir: Path) -> dict[str, list[Any]]:
    """What the jobs answer when nothing happens, in one chunk."""
    service = Service(tmp_path_factory.mktemp("undisturbed"), {"models_dir": str(models_dir)})
    service.start()
    with receiving() as inbox:
        results = finished(service, submit(service, media, inbox.url))
    service.stop()
    return results


@pytest.mark.parametrize("victims", [video_children, redis])
def test_kill_9_of_a_part(
    fresh: Callable[..., Service],
    media: Path,
    undisturbed: dict[str, list[Any]],
    victims: Callable[[Service], list[int]],
) -> None:
    service = fresh(chunk_s="5")
    with receiving() as inbox:
        jobs = submit(service, media, inbox.url)
        confirm(inbox)
        wait_until(lambda: any(0 < p < 100 for p in progress(service)))
        kill(victims(service))
        assert finished(service, jobs) == undisturbed
        announced_once(inbox, jobs)


def test_kill_9_of_everything(fresh: Callable[..., Service], media: Path, undisturbed: dict[str, list[Any]]) -> None:
    service = fresh(chunk_s="5")
    with receiving() as inbox:
        jobs = submit(service, media, inbox.url)
        confirm(inbox)
        wait_until(lambda: any(0 < p < 100 for p in progress(service)))
        assert service.process
        service.process.kill()
        service.process.wait()
        assert service.process.stdout
        service.process.stdout.close()
        wait_until(lambda: not service.processes(), 60)
        service.start()
        assert finished(service, jobs) == undisturbed
        announced_once(inbox, jobs)


def announced_once(inbox: Receiver, jobs: dict[str, str]) -> None:
    """One SUCCEEDED notification per job; deliveries may repeat, the MessageId may not change."""

    def messages() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for envelope in inbox.messages("Notification"):
            message = json.loads(envelope["Message"])
            assert message["Status"] == "SUCCEEDED"
            found.setdefault(message["JobId"], set()).add(envelope["MessageId"])
        return found

    wait_until(lambda: set(messages()) == set(jobs.values()))
    assert all(len(ids) == 1 for ids in messages().values())
