"""Machines that join an installation, and the invitations that let them."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0008_needs_0007"
down_revision = "0007_needs_0007"
branch_labels = None
depends_on = None

_CODE = "SHA-256 of the code, which is kept nowhere"
_TAKEN = "what the machine's workers take, separated by commas"
_REACH = "host under which other machines reach database, broker and object store"


def upgrade() -> None:
    """Adds them."""
    op.create_table(
        "invitations",
        sa.Column("code_hash", sa.String(length=64), nullable=False, comment=_CODE),
        sa.Column("queues", sa.String(length=64), nullable=False, comment=_TAKEN),
        sa.Column("reach", sa.String(length=255), nullable=True, comment=_REACH),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_invitations")),
    )
    op.create_index(op.f("ix_invitations_expires_at"), "invitations", ["expires_at"], unique=False)
    op.create_table(
        "machines",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False, comment="host name, as workers call themselves by"),
        sa.Column("queues", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False, comment="of Reelsight, when it joined"),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=16), nullable=False),
        sa.Column("joined_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machines")),
    )


def downgrade() -> None:
    """Drops them: machines that have joined go on, and are listed by the signs of life of their workers alone."""
    op.drop_table("machines")
    op.drop_table("invitations")
