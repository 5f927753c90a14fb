"""Leases of requests that a process is asking at the moment."""

import sqlalchemy as sa
from alembic import op

revision = "1006"
down_revision = "1005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "leases",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
    )
