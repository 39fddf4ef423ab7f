"""Tables of the notifications: topics, subscriptions, the outbox with one delivery per subscription, signing keys."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from pipeline.store.metadata import Moment, metadata

topics = Table(
    "topics",
    metadata,
    Column("arn", String(400), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("name", String(256), nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "account", "arn"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("arn", String(440), primary_key=True),
    Column("topic_arn", String(400), ForeignKey("topics.arn", ondelete="CASCADE"), nullable=False),
    Column("account", String(12), nullable=False),
    Column("protocol", String(32), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("endpoint_hash", String(64), nullable=False),
    Column("attributes", JSON, nullable=False),
    # The same on subscriptions with the same filter policy, so that a message is held against each policy once; NULL: none.
    Column("filter_hash", String(64)),
    Column("state", String(16), nullable=False),
    # Whether whoever confirmed it signed the request.
    Column("authenticated", Boolean, nullable=False, default=False),
    Column("signed_unsubscribe", Boolean, nullable=False, default=False),
    Column("token", String(256), nullable=False),
    Column("token_expires_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    # When the next delivery may begin, where the policy bounds their rate; NULL: at once.
    Column("resume_at", Moment),
    Column("created_at", Moment, nullable=False),
    # The endpoint itself may be longer than what an index entry holds.
    UniqueConstraint("topic_arn", "protocol", "endpoint_hash"),
    Index(None, "account", "arn"),
    Index(None, "token"),
    Index(None, "topic_arn", "filter_hash", "protocol"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("topic_arn", String(400), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(100)),
    Column("message", Text, nullable=False),
    Column("structure", String(8)),
    Column("attributes", JSON, nullable=False),
    Column("token", String(256)),
    Column("dedupe_key", String(200), unique=True),
    Column("created_at", Moment, nullable=False),
    Index(None, "created_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("notification_id", String(36), ForeignKey("notifications.id", ondelete="CASCADE"), primary_key=True),
    Column("subscription_arn", String(440), primary_key=True),
    Column("protocol", String(32), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("claims", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("lease_until", Moment),
    Column("last_code", Integer),
    Column("last_error", Text),
    Column("settled_at", Moment),
    Index(None, "state", "next_at"),
    Index(None, "subscription_arn", "state"),
    # From one subscription with something to deliver to the next, however much each has.
    Index(None, "state", "subscription_arn", "next_at"),
    Index(
        "ix_deliveries_lease_until",
        "lease_until",
        sqlite_where=text("lease_until IS NOT NULL"),
        postgresql_where=text("lease_until IS NOT NULL"),
    ),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    # "current" on the one key that signs; NULL on earlier ones, which stay published for messages under way.
    Column("slot", String(16), unique=True),
    Column("certificate", Text, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
