#!/usr/bin/env python3
"""The main job, start to end: start the service, submit a video with boto3, receive the webhooks, page, print a summary.

    python scripts/main_job.py [VIDEO] [--data-dir DIR]

It talks to the service only as any AWS user would.
"""

import argparse
import contextlib
import http.server
import json
import math
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from still import still
from summary import items, print_summary
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
REELSIGHT = [sys.executable, "-m", "api.cli"]
BUCKET = "quickstart"
ROLE = "arn:aws:iam::000000000000:role/AnyRole"
"""Rekognition demands a role with a notification channel; Reelsight needs none and checks only its form."""
JOBS: dict[str, dict[str, Any]] = {
    "SegmentDetection": {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]},
    "FaceDetection": {"FaceAttributes": "ALL"},
    "PersonTracking": {},
    "LabelDetection": {"MinConfidence": 50},
    "TextDetection": {},
    "ContentModeration": {},
    "CelebrityRecognition": {},
}
"""What is asked about the video at once; one decode serves them all."""
COLLECTION = "quickstart"
PAUSE_S = 2.0
"""Between looks at the progress; each starts a process that takes time from the analysis."""
PATIENCE_S = 60.0
"""For what takes no work."""
STUCK_S = 600.0
"""An analysis of which nothing is heard for this long is given up."""


def main() -> None:
    """Runs the quickstart."""
    parser = argparse.ArgumentParser(description="Analyses a video with a service of its own.")
    parser.add_argument("video", nargs="?", type=Path, help="any video file; without it a sample is rendered")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("REELSIGHT_DATA_DIR", ROOT / "data")))
    arguments = parser.parse_args()
    if arguments.video and not arguments.video.is_file():
        parser.error(f"{arguments.video} is not a file")
    folder = arguments.data_dir.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped then too
    step("Pulling the models (once)")
    subprocess.run([*REELSIGHT, "models", "pull", "--data-dir", str(folder)], check=True)
    video = arguments.video.resolve() if arguments.video else sample(folder)
    step("Starting the service")
    with service(folder) as endpoint, receiver() as (webhook, inbox):
        session = boto3.Session(profile_name="reelsight")
        with subscription(session.client("sns", endpoint_url=endpoint), webhook, inbox) as topic:
            run(session.client("rekognition", endpoint_url=endpoint), topic, inbox, folder, video)


def run(rekognition: Any, topic: str, inbox: "queue.Queue[dict[str, Any]]", folder: Path, video: Path) -> None:
    """Submits, waits for the webhooks, prints."""
    step(f"Submitting {video.name}")
    place = folder / "buckets" / BUCKET / video.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not (place.exists() and place.samefile(video)):
        shutil.copyfile(video, place)
    asking = partial(analyses, rekognition, topic, inbox, folder, video.name)
    began = time.monotonic()
    results = asking(JOBS)
    took = time.monotonic() - began
    if indexed(rekognition, video, items("FaceDetection", results["FaceDetection"])):
        results |= asking({"FaceSearch": {"CollectionId": COLLECTION}})
    print_summary(results, took)
    print(f"\nTo go on:  .venv/bin/reelsight serve --data-dir {shlex.quote(str(folder))}")


def analyses(
    rekognition: Any,
    topic: str,
    inbox: "queue.Queue[dict[str, Any]]",
    folder: Path,
    video: str,
    wanted: Mapping[str, dict[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """Operation -> the pages of its answer, once the webhook has told that they are there."""
    jobs = {}
    for name, parameters in wanted.items():
        start = getattr(rekognition, f"start_{snake(name)}")
        answer = start(
            Video={"S3Object": {"Bucket": BUCKET, "Name": video}},
            NotificationChannel={"SNSTopicArn": topic, "RoleArn": ROLE},
            JobTag="quickstart",
            **parameters,
        )
        jobs[answer["JobId"]] = name
        print(f"  Start{name:20} JobId {answer['JobId'][:16]}…")
    step("Waiting for the completion notifications")
    states = wait(inbox, set(jobs), folder)
    results = {}
    for job, name in jobs.items():
        pages = results[name] = list(all_pages(getattr(rekognition, f"get_{snake(name)}"), job))
        print(f"  {name:20} {states[job]:10} {len(items(name, pages))} items on {len(pages)} pages")
        if pages[0]["JobStatus"] == "FAILED":
            print(f"    {pages[0].get('StatusMessage')}")
    if any(pages[0]["JobStatus"] != "SUCCEEDED" for pages in results.values()):
        sys.exit(1)
    return results


def indexed(rekognition: Any, video: Path, faces: list[dict[str, Any]]) -> bool:
    """Whether the clearest face of the video is now the only one of the collection."""
    if not faces:
        return False
    clearest = max(faces, key=lambda item: clearness(item["Face"]))
    step(f"Searching for the clearest face, at {clearest['Timestamp'] / 1000:.1f} s, through the whole video")
    with contextlib.suppress(rekognition.exceptions.ResourceNotFoundException):
        rekognition.delete_collection(CollectionId=COLLECTION)
    rekognition.create_collection(CollectionId=COLLECTION)
    answer = rekognition.index_faces(
        CollectionId=COLLECTION,
        Image={"Bytes": still(video, clearest["Timestamp"])},
        MaxFaces=1,
        QualityFilter="NONE",
    )
    return bool(answer["FaceRecords"])


def clearness(face: dict[str, Any]) -> float:
    """How well somebody can be known by the face: large, sharp and turned towards the camera."""
    ahead = max(math.cos(math.radians(face["Pose"]["Yaw"])), 0.0)
    return float(face["BoundingBox"]["Height"] * face["Quality"]["Sharpness"] * ahead**2)


def wait(inbox: "queue.Queue[dict[str, Any]]", awaited: set[str], folder: Path) -> dict[str, str]:
    """JobId -> status, from the notifications; shows progress meanwhile."""
    states: dict[str, str] = {}
    heard = time.monotonic()
    with tqdm(total=100, unit="%", bar_format="  {l_bar}{bar}| {elapsed}") as bar:
        while awaited - set(states):
            try:
                message = json.loads(inbox.get(timeout=PAUSE_S)["Message"])
            except queue.Empty:
                done = progress(folder, awaited)
                heard = time.monotonic() if done > bar.n else heard
                bar.update(done - bar.n)
            else:
                states[message["JobId"]], heard = message["Status"], time.monotonic()
            if time.monotonic() - heard > STUCK_S:
                sys.exit(f"Nothing has moved for {STUCK_S:.0f} s; {folder / 'serve.log'} may say why.")
        bar.update(100 - bar.n)
    return states


def progress(folder: Path, jobs: set[str]) -> float:
    """Percent of the jobs' frames that are done, as `reelsight jobs list` tells."""
    listing = subprocess.run(
        [*REELSIGHT, "jobs", "list", "--json", "--data-dir", str(folder)], capture_output=True, text=True, check=True
    )
    rows = [row for line in listing.stdout.splitlines() if (row := json.loads(line))["JobId"] in jobs]
    return round(sum(row["Progress"] for row in rows) / max(len(rows), 1), 1)


def all_pages(get: Any, job: str) -> Iterator[dict[str, Any]]:
    """Every page of a Get operation."""
    token: dict[str, str] = {}
    while True:
        page = get(JobId=job, MaxResults=1000, **token)
        yield page
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


@contextlib.contextmanager
def subscription(sns: Any, webhook: str, inbox: "queue.Queue[dict[str, Any]]") -> Iterator[str]:
    """A topic that the webhook is subscribed to, for as long as it listens."""
    step(f"Subscribing {webhook} to a topic")
    topic = sns.create_topic(Name="AmazonRekognitionQuickstart")["TopicArn"]
    subscribed = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=webhook, ReturnSubscriptionArn=True)
    confirm(inbox)
    try:
        yield topic
    finally:
        sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])


def confirm(inbox: "queue.Queue[dict[str, Any]]") -> None:
    """Visits the SubscribeURL of the confirmation, as a subscriber must."""
    try:
        while (envelope := inbox.get(timeout=PATIENCE_S))["Type"] != "SubscriptionConfirmation":
            continue
    except queue.Empty:
        sys.exit("No confirmation of the subscription arrived.")
    with urllib.request.urlopen(envelope["SubscribeURL"], timeout=30) as response:  # noqa: S310 - from our own service
        response.read()


@contextlib.contextmanager
def service(folder: Path) -> Iterator[str]:
    """A running service on free ports; its endpoint."""
    with (folder / "serve.log").open("wb") as log:
        command = [*REELSIGHT, "serve", "--data-dir", str(folder), "--port", "0", "--tls-port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield ready(process, folder / "serve.log")
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()  # its own processes follow it
                process.wait()


def ready(process: "subprocess.Popen[str]", log: Path) -> str:
    """The endpoint, once the service says it is ready."""
    assert process.stdout
    for line in process.stdout:
        print(f"  {line.rstrip()}")
        if line.startswith("ready "):
            os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(log.parent / "credentials")
            return line.split()[1]
    sys.exit(f"The service did not start:\n{log.read_text()[-4000:]}")


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, "queue.Queue[dict[str, Any]]"]]:
    """A webhook receiver on loopback: its address and what arrives there."""
    inbox: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            inbox.put(json.loads(body))

        def log_message(self, *_: object) -> None:
            """Says nothing: the summary is the output."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/notifications", inbox
    finally:
        server.shutdown()
        server.server_close()


def sample(folder: Path) -> Path:
    """The sample video, rendered on first use."""
    path = folder / "sample.mp4"
    if not path.exists():
        from make_sample import render

        step("Rendering a sample video")
        part = path.with_name("sample.part.mp4")
        render(part)
        part.replace(path)
    return path


def snake(name: str) -> str:
    """boto3's spelling: LabelDetection -> label_detection."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def step(text: str) -> None:
    """Prints a heading."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
