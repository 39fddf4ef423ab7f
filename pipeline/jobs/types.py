"""Job, Pass and Chunk: what is asked, what is decoded together, what one worker does at a time; and their legal moves.

A **Job** is one Start* call. A **Pass** is one decode of one video, shared by the jobs that were waiting for it.
A **Chunk** is a stretch of a pass that one worker analyses under a lease.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar


class JobState(StrEnum):
    """Where a job is; a cancelled job is FAILED."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def wire(self) -> str:
        """JobStatus as the API names it."""
        return "IN_PROGRESS" if self in OPEN_JOBS else self.value


class PassState(StrEnum):
    """Where a pass is: being probed and cut, being analysed (until every chunk is settled and aggregated), over."""

    PLANNING = "PLANNING"
    RUNNING = "RUNNING"
    DONE = "DONE"


class ChunkState(StrEnum):
    """Where a chunk is; a SPLIT chunk is replaced by one chunk per analysis, a CANCELLED one has no job left."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    SPLIT = "SPLIT"
    CANCELLED = "CANCELLED"


OPEN_JOBS = frozenset({JobState.QUEUED, JobState.RUNNING})
OPEN_CHUNKS = frozenset({ChunkState.QUEUED, ChunkState.RUNNING})

State = TypeVar("State", JobState, PassState, ChunkState)

# One table per kind: equal texts of different kinds would be the same key.
MOVES: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    JobState: {
        JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED}),
        JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED}),
        JobState.SUCCEEDED: frozenset(),
        JobState.FAILED: frozenset({JobState.QUEUED}),
    },
    PassState: {
        PassState.PLANNING: frozenset({PassState.RUNNING, PassState.DONE}),
        PassState.RUNNING: frozenset({PassState.DONE}),
        PassState.DONE: frozenset(),
    },
    ChunkState: {
        ChunkState.QUEUED: frozenset({ChunkState.RUNNING, ChunkState.CANCELLED}),
        ChunkState.RUNNING: frozenset(
            {ChunkState.QUEUED, ChunkState.DONE, ChunkState.FAILED, ChunkState.SPLIT, ChunkState.CANCELLED}
        ),
        ChunkState.DONE: frozenset(),
        ChunkState.FAILED: frozenset(),
        ChunkState.SPLIT: frozenset(),
        ChunkState.CANCELLED: frozenset(),
    },
}
"""Every legal move; a FAILED job moves only when somebody retries it."""


def sources(target: State) -> tuple[State, ...]:
    """The states from which `target` may be entered, for the WHERE of the update that moves."""
    return tuple(state for state in type(target) if target in MOVES[type(target)][state])


@dataclass(frozen=True, slots=True)
class VideoRef:
    """An object in the video store; `etag` is what the store said when the job was submitted."""

    bucket: str
    name: str
    version: str | None
    etag: str
    size_bytes: int

    @property
    def wire(self) -> dict[str, Any]:
        """The Video member as the API shows it."""
        version = {"Version": self.version} if self.version else {}
        return {"S3Object": {"Bucket": self.bucket, "Name": self.name, **version}}


@dataclass(frozen=True, slots=True)
class Job:
    """One Start* call.

    Attributes:
        id: 64 lower-case hexadecimal digits.
        account: 12 digits.
        operation: Name in the catalog, for example "LabelDetection".
        parameters: The members of the request that are the operation's own.
        video: What to analyse.
        state: Where the job is.
        created_at: When it was submitted.
        attempt: Rises when the job is put into a pass or retried; every write of a pass for the job carries it.
        priority: Higher goes first.
        token: ClientRequestToken while it lives.
        request_hash: SHA-256 of the request without its token.
        job_tag: JobTag.
        topic_arn: SNSTopicArn of the NotificationChannel.
        pass_id: The pass the job is part of.
        status_message: Why the job failed.
        video_metadata: VideoMetadata, known once the video was probed.
        summary: Members of the Get answer beside the items.
        started_at: When its pass began.
        finished_at: When it reached SUCCEEDED or FAILED.
        expires_at: When it is forgotten.
    """

    id: str
    account: str
    operation: str
    parameters: Mapping[str, Any]
    video: VideoRef
    state: JobState
    created_at: datetime
    attempt: int = 0
    priority: int = 0
    token: str | None = None
    request_hash: str = ""
    job_tag: str | None = None
    topic_arn: str | None = None
    pass_id: str | None = None
    status_message: str | None = None
    video_metadata: Mapping[str, Any] | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """One decode of one video for the jobs that share it.

    Attributes:
        id: 32 hexadecimal digits.
        account: Whose jobs share it.
        video: What is decoded; its etag is the one found when planning.
        state: Where the pass is.
        attempt: How often a worker took the pass, to plan or to finish it.
        lease_until: Until when the worker that took it owns it; without one, until when it rests.
        media: `MediaInfo` as plain values; None while planning.
        chunks_left: Chunks that are not settled; at 0 the pass can be finished.
        priority: Highest of its jobs.
    """

    id: str
    account: str
    video: VideoRef
    state: PassState
    attempt: int
    lease_until: datetime | None
    media: Mapping[str, Any] | None
    chunks_left: int
    priority: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames `start` to `stop` (exclusive) of a pass.

    Attributes:
        id: 32 hexadecimal digits.
        pass_id: The pass it is part of.
        operation: The only operation it serves; None: all of the pass.
        start: First frame; a keyframe.
        stop: First frame no longer part of it.
        state: Where the chunk is.
        attempt: How often a worker took it; every write of a worker carries it.
        lost: How many of these workers vanished.
        lease_until: Until when the worker that took it owns it; of a queued one, until when it rests.
        frames_done: Progress of the present attempt.
        found: Operation -> stage key -> key of the detections in the work store.
    """

    id: str
    pass_id: str
    operation: str | None
    start: int
    stop: int
    state: ChunkState
    attempt: int = 0
    lost: int = 0
    lease_until: datetime | None = None
    frames_done: int = 0
    found: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
