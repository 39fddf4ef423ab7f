"""Collections, faces and celebrities."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    _create_collections()
    _create_faces()
    _create_removed_faces()
    _create_celebrities()


def downgrade() -> None:
    """Drops the tables."""
    for table in ("celebrities", "removed_faces", "faces", "collections"):
        op.drop_table(table)


def _create_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("number", _NUMBER, nullable=False, comment="in the order of creation"),
        sa.Column(
            "id", sa.String(length=32), nullable=False, comment="never given twice, not even by another database"
        ),
        sa.Column("account", sa.String(length=12), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False, comment="CollectionId"),
        sa.Column("arn", sa.String(length=400), nullable=False),
        sa.Column("face_model_version", sa.String(length=16), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("faces", sa.BigInteger(), nullable=False, comment="how many there are"),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.Column(
            "revision",
            sa.BigInteger(),
            nullable=False,
            comment="counts the transactions that added or removed faces",
        ),
        sa.Column(
            "listed_from",
            sa.BigInteger(),
            nullable=False,
            comment="removals up to this revision are not listed any more",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_collections")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_collections_account_name")),
        sqlite_autoincrement=True,
    )


def _create_faces() -> None:
    op.create_table(
        "faces",
        sa.Column("collection", sa.BigInteger(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="in the order of arrival, never reused",
        ),
        sa.Column("id", sa.String(length=36), nullable=False, comment="FaceId"),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("external_image_id", sa.String(length=255), nullable=True),
        sa.Column("box_left", sa.Double(), nullable=False),
        sa.Column("box_top", sa.Double(), nullable=False),
        sa.Column("box_width", sa.Double(), nullable=False),
        sa.Column("box_height", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("model_version", sa.String(length=16), nullable=False),
        sa.Column(
            "user_id",
            sa.String(length=128),
            nullable=True,
            comment="whose face it is: a user of the collection, or a celebrity",
        ),
        sa.Column("vector", sa.LargeBinary(), nullable=False, comment="float32, little-endian, of length 1"),
        sa.ForeignKeyConstraint(
            ["collection"], ["collections.number"], name=op.f("fk_faces_collection"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection", "position", name=op.f("pk_faces")),
        sa.UniqueConstraint("collection", "id", name=op.f("uq_faces_collection_id")),
    )
    for name in ("image_id", "user_id"):
        op.create_index(
            op.f(f"ix_faces_collection_{name}_position"), "faces", ["collection", name, "position"], unique=False
        )


def _create_removed_faces() -> None:
    op.create_table(
        "removed_faces",
        sa.Column("collection", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection"], ["collections.number"], name=op.f("fk_removed_faces_collection"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection", "position", name=op.f("pk_removed_faces")),
    )
    op.create_index(
        op.f("ix_removed_faces_collection_revision"), "removed_faces", ["collection", "revision"], unique=False
    )


def _create_celebrities() -> None:
    op.create_table(
        "celebrities",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("urls", sa.JSON(), nullable=False),
        sa.Column("known_gender", sa.String(length=16), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_celebrities")),
    )
