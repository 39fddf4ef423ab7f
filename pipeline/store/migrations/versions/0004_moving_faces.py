"""Collections that are still being filled, that came from elsewhere, or whose faces are being embedded anew."""

import sqlalchemy as sa
from alembic import op

from pipeline.store.metadata import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns and the table."""
    namespace = "what ImageIds are made with, where it is not the id: that of the collection it was copied from"
    lease = "somebody fills this collection of nobody until then"
    op.add_column("collections", sa.Column("image_namespace", sa.String(length=32), nullable=True, comment=namespace))
    op.add_column("collections", sa.Column("lease_until", Moment(), nullable=True, comment=lease))
    op.create_table(
        "renewed_faces",
        sa.Column("collection", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model_version", sa.String(length=16), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False, comment="as in faces"),
        sa.ForeignKeyConstraint(
            ["collection"], ["collections.number"], name=op.f("fk_renewed_faces_collection"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection", "position", name=op.f("pk_renewed_faces")),
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_table("renewed_faces")
    op.drop_column("collections", "lease_until")
    op.drop_column("collections", "image_namespace")
