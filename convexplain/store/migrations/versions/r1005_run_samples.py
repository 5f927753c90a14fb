"""The design of runs that judge a sample."""

import sqlalchemy as sa
from alembic import op

revision = "1005"
down_revision = "1004"


def upgrade() -> None:
    """Add the columns; runs that are there have judged everything."""
    op.add_column("runs", sa.Column("sample", sa.Text))
    op.add_column("run_conversations", sa.Column("stratum", sa.Integer))
