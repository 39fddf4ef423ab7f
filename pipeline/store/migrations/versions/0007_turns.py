"""Accounts take turns at the workers for video."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0007_needs_0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_passes_over": ("passes", ("lease_until",), "state = 'DONE'"),
    "ix_passes_to_plan": ("passes", ("account", "priority", "served_at"), "state = 'PLANNING'"),
    "ix_passes_to_analyze": (
        "passes",
        ("account", "priority", "served_at"),
        "state = 'RUNNING' AND chunks_left > 0",
    ),
    "ix_passes_to_finish": (
        "passes",
        ("account", "priority", "served_at"),
        "state = 'RUNNING' AND chunks_left = 0",
    ),
    "ix_jobs_unplanned": ("jobs", ("created_at",), "state = 'QUEUED' AND pass_id IS NULL"),
    "ix_jobs_open": ("jobs", ("account",), "state IN ('QUEUED', 'RUNNING')"),
}


def upgrade() -> None:
    """Adds them; passes of before belong to the account of their jobs."""
    op.add_column("passes", sa.Column("account", sa.String(length=12), nullable=False, server_default=""))
    op.add_column("passes", sa.Column("served_at", Moment(), nullable=True, comment=_SERVED_AT))
    op.execute(
        "UPDATE passes SET served_at = created_at,"
        " account = COALESCE((SELECT MIN(jobs.account) FROM jobs WHERE jobs.pass_id = passes.id), '')"
    )
    _create_turns()
    op.drop_index("ix_passes_state", table_name="passes")
    for name, (table, columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, table, list(columns), unique=False, sqlite_where=where, postgresql_where=where)
    _index_chunks("pass_id", "state", "start")
    op.drop_column("chunks", "woken_at")


def downgrade() -> None:
    """Drops them; the sweeper wakes workers for whatever waits."""
    op.add_column("chunks", sa.Column("woken_at", Moment(), nullable=True, comment=_WOKEN_AT))
    _index_chunks("pass_id", "start")
    for name, (table, _, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
    op.create_index("ix_passes_state", "passes", ["state"], unique=False)
    op.drop_table("turns")
    op.drop_column("passes", "served_at")
    op.drop_column("passes", "account")


_WOKEN_AT = "last wake-up that was sent for it"
_SERVED_AT = "when a worker last took or ended a part of it, at first when it began"


def _index_chunks(*columns: str) -> None:
    op.drop_index("ix_chunks_pass_id", table_name="chunks")
    op.create_index("ix_chunks_pass_id", "chunks", list(columns), unique=False)


def _create_turns() -> None:
    op.create_table(
        "turns",
        sa.Column("work", sa.String(length=8), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("begun", sa.Float(precision=53), nullable=False, comment="charge at which its last turn began"),
        sa.Column(
            "due",
            sa.Float(precision=53),
            nullable=False,
            comment="charge at which its next turn begins, if that is not past",
        ),
        sa.PrimaryKeyConstraint("work", "account", name=op.f("pk_turns")),
    )
