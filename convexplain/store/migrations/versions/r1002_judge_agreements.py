"""The agreement of judges with people and with the reference set, by which a judge is trusted."""

import sqlalchemy as sa
from alembic import op

revision = "1002"
down_revision = "1001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "judge_agreements",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("judge", sa.Text, nullable=False),
        sa.Column("wording", sa.String(64), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("judge", "wording", "source"),
    )
