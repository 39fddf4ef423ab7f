"""Filter policies of subscriptions, and dead letters that can be sent again."""

import hashlib

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = 500


def upgrade() -> None:
    """Adds them."""
    _add_filters()
    _add_delivery()


def downgrade() -> None:
    """Drops them; throttled subscriptions may get one delivery early."""
    _drop_delivery()
    _drop_filters()


def _add_filters() -> None:
    op.add_column("subscriptions", sa.Column("filter_hash", sa.String(length=64), nullable=True))
    no = sa.false()
    op.add_column("subscriptions", sa.Column("authenticated", sa.Boolean(), server_default=no, nullable=False))
    columns = ["topic_arn", "filter_hash", "protocol"]
    op.create_index(op.f("ix_subscriptions_topic_arn_filter_hash_protocol"), "subscriptions", columns, unique=False)
    _fill_hashes(op.get_bind())


def _drop_filters() -> None:
    """The policies themselves stay among the attributes, for the way forward again."""
    op.drop_index(op.f("ix_subscriptions_topic_arn_filter_hash_protocol"), "subscriptions")
    op.drop_column("subscriptions", "authenticated")
    op.drop_column("subscriptions", "filter_hash")


def _fill_hashes(connection: sa.Connection) -> None:
    """Policies are there only where the database was migrated back from here."""
    table = sa.table("subscriptions", sa.column("arn"), sa.column("attributes", sa.JSON), sa.column("filter_hash"))
    after = ""
    while rows := connection.execute(
        sa.select(table.c.arn, table.c.attributes).where(table.c.arn > after).order_by(table.c.arn).limit(BATCH)
    ).all():
        after = rows[-1].arn
        for arn, attributes in rows:
            if "FilterPolicy" in attributes:
                digest = _digest(attributes["FilterPolicy"], attributes.get("FilterPolicyScope", "MessageAttributes"))
                connection.execute(sa.update(table).where(table.c.arn == arn).values(filter_hash=digest))


def _digest(policy: str, scope: str) -> str:
    return hashlib.sha256(f"{scope}\n{policy}".encode()).hexdigest()


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
