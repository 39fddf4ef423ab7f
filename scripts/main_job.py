#!/usr/bin/env python3
"""The main job, start to end: start the service, submit a video with boto3, receive the webhooks, page, print a summary.

    python scripts/main_job.py [VIDEO] [--data-dir DIR]

It talks to the service only as any AWS user would.
"""

import argparse
import contextlib
import http.server
import json
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
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
REELSIGHT = [sys.executable, "-m", "api.cli"]
BUCKET = "quickstart"
ROLE = "arn:aws:iam::000000000000:role/AnyRole"
"""Rekognition demands a role with a notification channel; Reelsight needs none and checks only its form."""
JOBS: dict[str, dict[str, Any]] = {
    "SegmentDetection": {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]},
    "FaceDetection": {},
    "LabelDetection": {"MinConfidence": 50},
}
PAUSE_S = 2.0
"""Between looks at the progress; each starts a process that takes time from the analysis."""
PATIENCE_S = 60.0
"""For what takes no work."""
STUCK_S = 600.0
"""An analysis of which nothing is heard for this long is given up."""
ITEMS = {"SegmentDetection": "Segments", "FaceDetection": "Faces", "LabelDetection": "Labels"}


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
    began = time.monotonic()
    jobs = {}
    for name, parameters in JOBS.items():
        start = getattr(rekognition, f"start_{snake(name)}")
        answer = start(
            Video={"S3Object": {"Bucket": BUCKET, "Name": video.name}},
            NotificationChannel={"SNSTopicArn": topic, "RoleArn": ROLE},
            JobTag="quickstart",
            **parameters,
        )
        jobs[answer["JobId"]] = name
        print(f"  Start{name:17} JobId {answer['JobId'][:16]}…")

    step("Waiting for the completion notifications")
    states = wait(inbox, set(jobs), folder)
    took = time.monotonic() - began
    results = {}
    for job, name in jobs.items():
        pages = list(all_pages(getattr(rekognition, f"get_{snake(name)}"), job))
        results[name] = pages
        count = sum(len(page[ITEMS[name]]) for page in pages)
        print(f"  {name:18} {states[job]:10} {count} items on {len(pages)} pages")
        if pages[0]["JobStatus"] == "FAILED":
            print(f"    {pages[0].get('StatusMessage')}")
    if any(pages[0]["JobStatus"] != "SUCCEEDED" for pages in results.values()):
        sys.exit(1)
    summarize(results, took)
    print(f"\nTo go on:  .venv/bin/reelsight serve --data-dir {shlex.quote(str(folder))}")


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


def summarize(results: dict[str, list[dict[str, Any]]], took: float) -> None:
    """Prints what is in the video."""
    metadata = results["SegmentDetection"][0]["VideoMetadata"][0]
    length = metadata["DurationMillis"] / 1000
    print(
        f"\n{metadata['Codec']} {metadata['FrameWidth']}x{metadata['FrameHeight']}, {metadata['FrameRate']:.2f} fps, "
        f"{length:.1f} s: analysed in {took:.1f} s, {length / took:.1f} times real time"
    )
    segments = [s for page in results["SegmentDetection"] for s in page["Segments"]]
    shots = [s for s in segments if s["Type"] == "SHOT"]
    print(f"\nShots ({len(shots)})")
    for shot in shots[:40]:
        extent = f"{shot['StartTimecodeSMPTE']} – {shot['EndTimecodeSMPTE']}"
        print(f"  {shot['ShotSegment']['Index']:3}  {extent}  {shot['ShotSegment']['Confidence']:5.1f} %")
    for cue in (s for s in segments if s["Type"] == "TECHNICAL_CUE"):
        print(f"  {cue['TechnicalCueSegment']['Type']}  {cue['StartTimecodeSMPTE']} – {cue['EndTimecodeSMPTE']}")
    faces = Counter(face["Timestamp"] for page in results["FaceDetection"] for face in page["Faces"])
    print(
        f"\nFaces ({sum(faces.values())} detections in {len(faces)} sampled frames, at most {max(faces.values(), default=0)} at once)"
    )
    for first, last, most in spells(faces):
        print(f"  {first / 1000:6.1f} s – {last / 1000:6.1f} s  up to {most}")
    best: dict[str, float] = {}
    seen: Counter[str] = Counter()
    for page in results["LabelDetection"]:
        for item in page["Labels"]:
            name = item["Label"]["Name"]
            seen[name] += 1
            best[name] = max(best.get(name, 0.0), item["Label"]["Confidence"])
    print(f"\nLabels ({len(best)})")
    for name, count in seen.most_common(25):
        print(f"  {name:24} in {count:4} sampled frames, best {best[name]:5.1f} %")


def spells(counts: "Counter[int]", gap_ms: int = 1500) -> Iterator[tuple[int, int, int]]:
    """(first, last, most) of stretches of time in which something was seen without longer gaps."""
    spell: list[int] = []
    for moment in sorted(counts):
        if spell and moment - spell[-1] > gap_ms:
            yield spell[0], spell[-1], max(counts[m] for m in spell)
            spell = []
        spell.append(moment)
    if spell:
        yield spell[0], spell[-1], max(counts[m] for m in spell)


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
