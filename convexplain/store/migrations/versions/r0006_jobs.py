"""Runs remember their judge's spec; jobs have typed settings, a status, progress and a result."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KEPT = ("kind", "folder", "run", "host", "process", "created_at", "started_at")


def upgrade() -> None:
    """Add the column, and make the table of jobs anew; earlier jobs stay in the list, as ended."""
    op.add_column("runs", sa.Column("judge_spec", sa.Text))
    times = [sa.column(name, sa.DateTime) for name in _KEPT[-2:]]
    earlier = sa.table("jobs", *map(sa.column, ("id", "arguments", *_KEPT[:-2])), *times)
    runs = sa.table("runs", sa.column("id"), sa.column("status"))
    connection = op.get_bind()
    rows = connection.execute(sa.select(earlier).order_by(earlier.c.id)).all()
    done = set(connection.scalars(sa.select(runs.c.id).where(runs.c.status == "done")))
    op.drop_table("jobs")
    jobs = op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="SET NULL")),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("alive_at", sa.DateTime, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.Integer),
    )
    for row in rows:  # numbered anew, in their order: so the database knows which number comes next
        values = {name: getattr(row, name) for name in _KEPT}
        ended = "done" if row.kind == "analyze" and row.run in done else "stopped"
        settings = json.dumps({"arguments": json.loads(row.arguments)})
        connection.execute(
            sa.insert(jobs).values(**values, settings=settings, status=ended, progress="{}", alive_at=row.started_at)
        )
