"""Tables of access keys, jobs, passes, chunks, turns and result sets; `jobs.types` says what the columns mean."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from pipeline.store.metadata import Moment, metadata


def _some(name: str, columns: tuple[str, ...], where: str) -> Index:
    """An index of the rows of which this holds."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


_TURN = ("account", "priority", "served_at")

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("secret", Text, nullable=False, comment="encrypted"),
    Column("created_at", Moment, nullable=False),
)

passes = Table(
    "passes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(12), nullable=False, server_default=""),
    Column("bucket", String(255), nullable=False),
    Column("name", String(1024), nullable=False),
    Column("version", String(1024)),
    Column("etag", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("owner", String(255)),
    Column("lease_until", Moment),
    Column("media", JSON(none_as_null=True)),
    Column("chunks_left", Integer, nullable=False, default=0),
    Column("priority", Integer, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("woken_at", Moment, comment="last wake-up that was sent for it"),
    Column("served_at", Moment, comment="when a worker last took or ended a part of it, at first when it began"),
    CheckConstraint("chunks_left >= 0", name="chunks_left"),
    # One index per question, none of the state alone: a planner without statistics would take that one.
    _some("ix_passes_over", ("lease_until",), "state = 'DONE'"),
    _some("ix_passes_to_plan", _TURN, "state = 'PLANNING'"),
    _some("ix_passes_to_analyze", _TURN, "state = 'RUNNING' AND chunks_left > 0"),
    _some("ix_passes_to_finish", _TURN, "state = 'RUNNING' AND chunks_left = 0"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("bucket", String(255), nullable=False),
    Column("name", String(1024), nullable=False),
    Column("version", String(1024)),
    Column("etag", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("priority", Integer, nullable=False, default=0),
    Column("token", String(64)),
    Column("request_hash", String(64), nullable=False),
    Column("job_tag", String(1024)),
    Column("topic_arn", String(1024)),
    Column("pass_id", String(32), ForeignKey("passes.id", ondelete="SET NULL")),
    Column("status_message", Text),
    Column("video_metadata", JSON(none_as_null=True)),
    Column("summary", JSON, nullable=False, default=dict),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("expires_at", Moment),
    # A null token collides with nothing; a living one makes a second submission of it impossible.
    UniqueConstraint("account", "operation", "token", name="uq_jobs_token"),
    Index("ix_jobs_state", "state", "created_at"),
    _some("ix_jobs_unplanned", ("created_at",), "state = 'QUEUED' AND pass_id IS NULL"),
    _some("ix_jobs_open", ("account",), "state IN ('QUEUED', 'RUNNING')"),
    Index("ix_jobs_pass_id", "pass_id"),
    Index("ix_jobs_expires_at", "expires_at"),
    Index("ix_jobs_account", "account", "created_at"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("pass_id", String(32), ForeignKey("passes.id", ondelete="CASCADE"), nullable=False),
    Column("operation", String(64)),
    Column("start", Integer, nullable=False),
    Column("stop", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("lost", Integer, nullable=False, default=0),
    Column("owner", String(255)),
    Column("lease_until", Moment),
    Column("frames_done", Integer, nullable=False, default=0),
    Column("found", JSON, nullable=False, default=dict),
    Column("error", Text, comment="what went wrong last"),
    CheckConstraint("start < stop", name="stretch"),
    Index("ix_chunks_pass_id", "pass_id", "state", "start"),
    Index("ix_chunks_state", "state", "lease_until"),
)

turns = Table(
    "turns",
    metadata,
    Column("work", String(8), primary_key=True),
    Column("account", String(12), primary_key=True),
    Column("begun", Float(53), nullable=False, comment="charge at which its last turn began"),
    Column("due", Float(53), nullable=False, comment="charge at which its next turn begins, if that is not past"),
)

result_sets = Table(
    "result_sets",
    metadata,
    Column("job_id", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("sort_by", String(16), primary_key=True),
    Column("aggregate", String(16), primary_key=True),
    Column("object_key", String(1024), nullable=False),
    Column("items", Integer, nullable=False),
    Column("offsets", JSON, nullable=False, comment="byte offset of every frame, and the end"),
)
