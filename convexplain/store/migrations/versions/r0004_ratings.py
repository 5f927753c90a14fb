"""What people said of turns, and what a judge's scores mean by that."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "ratings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("conversation", sa.Integer, sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("rubric", sa.String(64), nullable=False),
        sa.Column("rater", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("conversation", "turn", "rubric", "rater"),
    )
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("rubric", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("model", "rubric"),
    )
