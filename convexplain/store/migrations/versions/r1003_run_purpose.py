"""The purpose of runs, since validations and calibrations are no analyses, and the thresholds of an alarm budget."""

import sqlalchemy as sa
from alembic import op

revision = "1003"
down_revision = "1002"


def upgrade() -> None:
    """Add the columns; runs that are there are analyses."""
    op.add_column("runs", sa.Column("purpose", sa.String(16), nullable=False, server_default="analysis"))
    op.add_column("runs", sa.Column("alarms", sa.Text))
