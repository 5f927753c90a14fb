"""Themes of flagged turns, and reviewers' notes on turns."""

import sqlalchemy as sa
from alembic import op

revision = "1004"
down_revision = "1003"


def upgrade() -> None:
    """Make the tables and add the column."""
    op.create_table(
        "theme_sets",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "themes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("pinned", sa.Integer, index=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "theme_members",
        sa.Column("theme", sa.Integer, sa.ForeignKey("themes.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("conversation", sa.Integer, sa.ForeignKey("conversations.id"), primary_key=True, index=True),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("similarity", sa.Float, nullable=False),
    )
    op.add_column("ratings", sa.Column("note", sa.Text))
