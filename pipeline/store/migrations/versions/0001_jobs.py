"""Access keys, jobs, passes, chunks and result sets."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _create_access_keys()
    _create_passes()
    _create_chunks()
    _create_jobs()
    _create_result_sets()


def downgrade() -> None:
    """Drops the tables."""
    for table in ("result_sets", "jobs", "chunks", "passes", "access_keys"):
        op.drop_table(table)


def _create_access_keys() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_keys")),
    )


def _create_passes() -> None:
    op.create_table(
        "passes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("bucket", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=1024), nullable=False),
        sa.Column("version", sa.String(length=1024), nullable=True),
        sa.Column("etag", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("media", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("chunks_left", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("woken_at", Moment(), nullable=True, comment="last wake-up that was sent for it"),
        sa.CheckConstraint("chunks_left >= 0", name=op.f("ck_passes_chunks_left")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passes")),
    )
    op.create_index("ix_passes_state", "passes", ["state"], unique=False)


def _create_chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("pass_id", sa.String(length=32), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=True),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("stop", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("frames_done", sa.Integer(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True, comment="what went wrong last"),
        sa.Column("woken_at", Moment(), nullable=True, comment="last wake-up that was sent for it"),
        sa.CheckConstraint("start < stop", name=op.f("ck_chunks_stretch")),
        sa.ForeignKeyConstraint(["pass_id"], ["passes.id"], name=op.f("fk_chunks_pass_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunks")),
    )
    op.create_index("ix_chunks_pass_id", "chunks", ["pass_id", "start"], unique=False)
    op.create_index("ix_chunks_state", "chunks", ["state", "lease_until"], unique=False)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("bucket", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=1024), nullable=False),
        sa.Column("version", sa.String(length=1024), nullable=True),
        sa.Column("etag", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("job_tag", sa.String(length=1024), nullable=True),
        sa.Column("topic_arn", sa.String(length=1024), nullable=True),
        sa.Column("pass_id", sa.String(length=32), nullable=True),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("video_metadata", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["pass_id"], ["passes.id"], name=op.f("fk_jobs_pass_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("account", "operation", "token", name="uq_jobs_token"),
    )
    op.create_index("ix_jobs_account", "jobs", ["account", "created_at"], unique=False)
    op.create_index("ix_jobs_expires_at", "jobs", ["expires_at"], unique=False)
    op.create_index("ix_jobs_pass_id", "jobs", ["pass_id"], unique=False)
    op.create_index("ix_jobs_state", "jobs", ["state", "created_at"], unique=False)


def _create_result_sets() -> None:
    op.create_table(
        "result_sets",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("sort_by", sa.String(length=16), nullable=False),
        sa.Column("aggregate", sa.String(length=16), nullable=False),
        sa.Column("object_key", sa.String(length=1024), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("offsets", sa.JSON(), nullable=False, comment="byte offset of every frame, and the end"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_result_sets_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "sort_by", "aggregate", name=op.f("pk_result_sets")),
    )
