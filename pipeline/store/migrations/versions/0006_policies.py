"""Filter policies of subscriptions, and dead letters that can be sent again."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds them."""
    _add_delivery()


def downgrade() -> None:
    """Drops them; throttled subscriptions may get one delivery early."""
    _drop_delivery()


def _add_delivery() -> None:
    op.add_column("subscriptions", sa.Column("resume_at", Moment(), nullable=True))
    columns = ["state", "subscription_arn", "next_at"]
    op.create_index(op.f("ix_deliveries_state_subscription_arn_next_at"), "deliveries", columns, unique=False)
    held = sa.text("lease_until IS NOT NULL")
    op.create_index(
        "ix_deliveries_lease_until", "deliveries", ["lease_until"], sqlite_where=held, postgresql_where=held
    )


def _drop_delivery() -> None:
    op.drop_index("ix_deliveries_lease_until", "deliveries")
    op.drop_index(op.f("ix_deliveries_state_subscription_arn_next_at"), "deliveries")
    op.drop_column("subscriptions", "resume_at")
    # A state that was not known before: what went to a queue of dead letters needs no further care.
    op.execute("UPDATE deliveries SET state = 'DELIVERED' WHERE state = 'MOVED'")
