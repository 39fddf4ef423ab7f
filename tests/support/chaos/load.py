"""Jobs that are submitted all the time, as a careful client does: each request is repeated with its token until it is accepted."""

import contextlib
import hashlib
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.support.chaos.installation import ACCOUNTS, BUCKET, Installation

ROLE = "arn:aws:iam::000000000000:role/AnyRole"
PAGE = 50
"""Items of a page: results have several."""
REPEATED = 0.2
"""Share of accepted requests that are sent once more, as a client does that has lost the answer."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a job is to do."""

    clip: str
    operation: str
    arguments: str = "{}"

    @property
    def name(self) -> str:
        """Names it in reports."""
        return f"{self.clip}:{self.operation}"


TASKS = (
    Task("female.mp4", "label_detection"),
    Task("female.mp4", "face_detection"),
    Task("campus.mp4", "face_detection"),
    Task("campus.mp4", "segment_detection", '{"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]}'),
    Task("hamilton.mp4", "segment_detection", '{"SegmentTypes": ["SHOT"]}'),
    Task("hamilton.mp4", "face_detection"),
    Task("demographics.mp4", "content_moderation"),
    Task("demographics.mp4", "label_detection"),
)
CLIPS: Mapping[str, str] = {
    "female.mp4": "videos/head-pose-face-detection-female_gif.mp4",
    "campus.mp4": "videos/TUD-Campus.mp4",
    "hamilton.mp4": "videos/short_hamilton_clip.mp4",
    "demographics.mp4": "videos/face-demographics-walking-and-pause_gif.mp4",
}


@dataclass(slots=True)
class Accepted:
    """A job whose id the client has got."""

    id: str
    task: Task
    account: str
    token: str
    done: bool = False


@dataclass(slots=True)
class Caller:
    """One account's client: knows several api processes and goes to another when one fails."""

    installation: Installation
    account: str
    random: Random
    errors: Counter[str] = field(default_factory=Counter)

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """One try of an operation.

        Raises:
            ClientError, BotoCoreError: it failed, and was counted.
        """
        api = self.random.randrange(len(self.installation.ports))
        try:
            answer: dict[str, Any] = getattr(self.installation.client("rekognition", self.account, api), name)(
                **arguments
            )
        except ClientError as error:
            self.errors[error.response["Error"]["Code"]] += 1
            raise
        except BotoCoreError as error:
            self.errors[type(error).__name__] += 1
            raise
        return answer

    def start(self, task: Task, token: str, topic: str | None) -> str:
        """The id of the job. Raises as `call` does."""
        channel = {"NotificationChannel": {"SNSTopicArn": topic, "RoleArn": ROLE}} if topic else {}
        video = {"S3Object": {"Bucket": BUCKET, "Name": task.clip}}
        more = json.loads(task.arguments)
        return str(
            self.call(f"start_{task.operation}", Video=video, ClientRequestToken=token, **channel, **more)["JobId"]
        )

    def state(self, task: Task, job_id: str) -> str:
        """JobStatus. Raises as `call` does."""
        return str(self.call(f"get_{task.operation}", JobId=job_id, MaxResults=1)["JobStatus"])


@dataclass(slots=True)
class Load:
    """A thread per account that keeps a bounded number of jobs open.

    Attributes:
        installation: Where to.
        topics: Account -> topic.
        seed: Decides what is submitted.
        open_limit: Jobs of an account that are open at a time.
        pause_s: Between two requests of an account.
    """

    installation: Installation
    topics: Mapping[str, str]
    seed: int
    open_limit: int = 5
    pause_s: float = 0.5
    accepted: list[Accepted] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    doubled: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begins to submit."""
        for number, account in enumerate(ACCOUNTS):
            caller = Caller(self.installation, account, Random(f"{self.seed}/{account}"), self.errors)
            tasks = Random(self.seed + number)
            thread = threading.Thread(target=self._run, args=(caller, tasks), name=f"load {account}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout_s: float) -> bool:
        """Submits nothing new; whether what was being submitted has been accepted in time."""
        self.stopping.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, caller: Caller, tasks: Random) -> None:
        own: list[Accepted] = []
        while not self.stopping.is_set():
            if sum(not job.done for job in own) < self.open_limit:
                job = self._submitted(caller, tasks.choice(TASKS))
                own.append(job)
                self.accepted.append(job)
                self._repeat(caller, job)
            self._look(caller, own)
            self.stopping.wait(self.pause_s)

    def _submitted(self, caller: Caller, task: Task) -> Accepted:
        token = uuid.UUID(int=caller.random.getrandbits(128)).hex
        while True:
            with contextlib.suppress(ClientError, BotoCoreError):
                return Accepted(caller.start(task, token, self.topics[caller.account]), task, caller.account, token)
            time.sleep(self.pause_s)

    def _repeat(self, caller: Caller, job: Accepted) -> None:
        if caller.random.random() < REPEATED:
            with contextlib.suppress(ClientError, BotoCoreError):
                again = caller.start(job.task, job.token, self.topics[caller.account])
                self.repeated += 1
                self.doubled += again != job.id

    def _look(self, caller: Caller, own: Sequence[Accepted]) -> None:
        for job in [job for job in own if not job.done][:2]:
            with contextlib.suppress(ClientError, BotoCoreError):
                job.done = caller.state(job.task, job.id) != "IN_PROGRESS"


def digest(caller: Caller, task: Task, job_id: str) -> str:
    """SHA-256 of all pages as they came over the wire, less what must differ between two jobs: id and page tokens."""
    seen = hashlib.sha256()
    for body in bodies(caller, task, job_id):
        seen.update(body)
    return seen.hexdigest()


def bodies(caller: Caller, task: Task, job_id: str) -> Iterator[bytes]:
    """The pages as bytes. Raises as `Caller.call` does."""
    api = caller.random.randrange(len(caller.installation.ports))
    client = caller.installation.client("rekognition", caller.account, api)
    raw: list[bytes] = []
    client.meta.events.register(
        "before-parse.rekognition", lambda response_dict, **_: raw.append(response_dict["body"])
    )
    token: dict[str, str] = {}
    while True:
        page = getattr(client, f"get_{task.operation}")(JobId=job_id, MaxResults=PAGE, **token)
        body = raw.pop().replace(job_id.encode(), b"JOB")
        next_token = page.get("NextToken")
        yield body.replace(next_token.encode(), b"TOKEN") if next_token else body
        if next_token is None:
            return
        token = {"NextToken": next_token}
