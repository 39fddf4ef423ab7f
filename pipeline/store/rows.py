"""Rows of the database as the domain's types, and back."""

from typing import Any

from sqlalchemy import RowMapping

from pipeline.jobs.types import Chunk, ChunkState, Job, JobState, Pass, PassState, VideoRef

_VIDEO = ("bucket", "name", "version", "etag", "size_bytes")
_JOB = (
    "id", "account", "operation", "parameters", "created_at", "attempt", "priority", "token", "request_hash", "job_tag",
    "topic_arn", "pass_id", "status_message", "video_metadata", "summary", "started_at", "finished_at", "expires_at",
)  # fmt: skip
_PASS = ("id", "account", "attempt", "lease_until", "media", "chunks_left", "priority")
_CHUNK = ("id", "pass_id", "operation", "start", "stop", "attempt", "lost", "lease_until", "frames_done", "found")


def job_of(row: RowMapping) -> Job:
    """The job that a row of `jobs` holds."""
    return Job(video=video_of(row), state=JobState(row["state"]), **{name: row[name] for name in _JOB})


def pass_of(row: RowMapping) -> Pass:
    """The pass that a row of `passes` holds."""
    return Pass(video=video_of(row), state=PassState(row["state"]), **{name: row[name] for name in _PASS})


def chunk_of(row: RowMapping) -> Chunk:
    """The chunk that a row of `chunks` holds."""
    return Chunk(state=ChunkState(row["state"]), **{name: row[name] for name in _CHUNK})


def video_of(row: RowMapping) -> VideoRef:
    """The video that a row of `jobs` or `passes` names."""
    return VideoRef(**{name: row[name] for name in _VIDEO})


def job_values(job: Job) -> dict[str, Any]:
    """The row of `jobs` that holds the job."""
    return {"state": job.state.value, **video_values(job.video), **{name: getattr(job, name) for name in _JOB}}


def video_values(video: VideoRef) -> dict[str, Any]:
    """The columns that name a video."""
    return {name: getattr(video, name) for name in _VIDEO}
