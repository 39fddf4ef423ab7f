"""Every odd file through the real service: a result, or a reason that a user understands; the workers live on."""

import re
from collections import Counter
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(900)]

UNPLAYABLE = {
    "audio_only_speech.mp4",
    "cenc_encrypted.mp4",
    "chunk_out_of_range.mp4",
    "encrypted_noaltref.webm",
    "init_segment_only.mp4",
    "invalid_userdata_231s_truncated.mp4",
    "no_video_ac4.mp4",
    "subtitle_only.mkv",
}
"""Files that hold no picture anybody could decode."""

CHILDREN = re.compile(r" --concurrency (\d+)")


def decoders(service: Service) -> dict[int, str]:
    """pid -> command line of the video workers and their children."""
    return {
        pid: command
        for pid, command in service.processes().items()
        if " -Q video" in command and CHILDREN.search(command)
    }


def all_decoders(service: Service) -> set[int]:
    """The same once every worker has all of its children, else none; a service is ready before all are forked."""
    commands = decoders(service)
    parents = {pid: psutil.Process(pid).ppid() for pid in commands}
    children = Counter(parents.values())
    workers = {pid for pid in commands if parents[pid] not in commands}
    whole = all(children[pid] == int(CHILDREN.findall(commands[pid])[0]) for pid in workers)
    return set(commands) if whole else set()


def test_every_file_ends_with_a_result_or_a_reason(service: Service, media: Path) -> None:
    rekognition = service.client("rekognition")
    before = wait_until(partial(all_decoders, service))
    files = sorted(path for path in (media / "odd").iterdir() if path.suffix not in {".md", ".txt"})
    jobs = {}
    for path in files:
        video = service.put("odd", path.name, path)
        labels = rekognition.start_label_detection(Video=video)["JobId"]
        segments = rekognition.start_segment_detection(Video=video, SegmentTypes=["SHOT", "TECHNICAL_CUE"])["JobId"]
        jobs[path.name] = (labels, segments)
    failed = set()
    for name, (labels, segments) in jobs.items():
        for get, job in ((rekognition.get_label_detection, labels), (rekognition.get_segment_detection, segments)):
            answer = wait_until(lambda get=get, job=job: (a := get(JobId=job))["JobStatus"] != "IN_PROGRESS" and a, 600)
            if answer["JobStatus"] == "FAILED":
                failed.add(name)
                assert re.fullmatch(r"[A-Z].{15,300}\.", answer["StatusMessage"]), (name, answer["StatusMessage"])
                assert not re.search(r"Error|Exception|Traceback|/tmp/", answer["StatusMessage"]), answer[
                    "StatusMessage"
                ]
            else:
                metadata = answer["VideoMetadata"]
                metadata = metadata[0] if isinstance(metadata, list) else metadata
                assert 1 <= metadata["FrameRate"] <= 120, (name, metadata)
                assert 0 < metadata["DurationMillis"] < 60_000, (name, metadata)
                assert metadata["FrameWidth"] > 0, (name, metadata)
                assert metadata["FrameHeight"] > 0, (name, metadata)
    assert failed == UNPLAYABLE & set(jobs)
    assert set(decoders(service)) == before
