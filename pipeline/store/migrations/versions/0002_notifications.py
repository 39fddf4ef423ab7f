"""Topics, subscriptions, notifications, deliveries and signing keys."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _create_notifications()
    _create_signing_keys()
    _create_topics()
    _create_deliveries()
    _create_subscriptions()


def downgrade() -> None:
    """Drops the tables."""
    for table in ("subscriptions", "deliveries", "topics", "signing_keys", "notifications"):
        op.drop_table(table)


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("topic_arn", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("structure", sa.String(length=8), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("token", sa.String(length=256), nullable=True),
        sa.Column("dedupe_key", sa.String(length=200), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_notifications_dedupe_key")),
    )
    op.create_index(op.f("ix_notifications_created_at"), "notifications", ["created_at"], unique=False)


def _create_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.String(length=16), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("slot", name=op.f("uq_signing_keys_slot")),
    )


def _create_topics() -> None:
    op.create_table(
        "topics",
        sa.Column("arn", sa.String(length=400), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_topics")),
    )
    op.create_index(op.f("ix_topics_account_arn"), "topics", ["account", "arn"], unique=False)


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("notification_id", sa.String(length=36), nullable=False),
        sa.Column("subscription_arn", sa.String(length=440), nullable=False),
        sa.Column("protocol", sa.String(length=32), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", Moment(), nullable=False),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("last_code", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notifications.id"], name=op.f("fk_deliveries_notification_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("notification_id", "subscription_arn", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_state_next_at"), "deliveries", ["state", "next_at"], unique=False)
    op.create_index(
        op.f("ix_deliveries_subscription_arn_state"), "deliveries", ["subscription_arn", "state"], unique=False
    )


def _create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("arn", sa.String(length=440), nullable=False),
        sa.Column("topic_arn", sa.String(length=400), nullable=False),
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("protocol", sa.String(length=32), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("endpoint_hash", sa.String(length=64), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("signed_unsubscribe", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(length=256), nullable=False),
        sa.Column("token_expires_at", Moment(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["topic_arn"], ["topics.arn"], name=op.f("fk_subscriptions_topic_arn"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint(
            "topic_arn", "protocol", "endpoint_hash", name=op.f("uq_subscriptions_topic_arn_protocol_endpoint_hash")
        ),
    )
    op.create_index(op.f("ix_subscriptions_account_arn"), "subscriptions", ["account", "arn"], unique=False)
    op.create_index(op.f("ix_subscriptions_token"), "subscriptions", ["token"], unique=False)
