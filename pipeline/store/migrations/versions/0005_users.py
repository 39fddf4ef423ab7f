"""Users of collections, and requests that are done once."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds the column and the tables."""
    count = sa.Column("users", sa.BigInteger(), server_default="0", nullable=False, comment="how many there are")
    op.add_column("collections", count)
    _create_users()
    _create_requests()


def downgrade() -> None:
    """Drops them."""
    op.drop_table("requests")
    op.drop_table("users")
    op.drop_column("collections", "users")


def _create_users() -> None:
    version = "of the embeddings that the vector was made of"
    op.create_table(
        "users",
        sa.Column("number", _NUMBER, nullable=False, comment="in the order of creation"),
        sa.Column("collection", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False, comment="UserId"),
        sa.Column("faces", sa.Integer(), nullable=False, comment="how many there are"),
        sa.Column("model_version", sa.String(length=16), nullable=True, comment=version),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection"], ["collections.number"], name=op.f("fk_users_collection"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_users")),
        sa.UniqueConstraint("collection", "id", name=op.f("uq_users_collection_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_users_collection_number"), "users", ["collection", "number"], unique=False)


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("account", sa.String(length=12), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False, comment="ClientRequestToken"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the request without its token"),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="id of what the request is about"),
        sa.Column("answer", sa.JSON(), nullable=True, comment="NULL only while the request is being answered"),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account", "operation", "token", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_asked_at"), "requests", ["asked_at"], unique=False)
