"""What the dashboard has started, what people said of contrasts, and what pages choose and group by."""

import json

import sqlalchemy as sa
from alembic import op

from convexplain.store.facets import facets
from convexplain.store.schema import SafeText, UtcTime

revision = "0005"
down_revision = "0004"

_PAGE = 500


def upgrade() -> None:
    """Makes the tables, and fills what is worked out of what is there."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("planned", sa.Integer),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="SET NULL")),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.Integer),
    )
    op.create_table(
        "pair_reviews",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("contrast", sa.Integer, sa.ForeignKey("contrasts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("contrast", "reviewer"),
    )
    op.create_table(
        "facets",
        sa.Column("conversation", sa.Integer, sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("bot", sa.Text),
        sa.Column("began_at", sa.DateTime),
        sa.Column("turns", sa.Integer, nullable=False),
    )
    op.drop_index("judgements_by_score", "judgements")
    op.create_index("judgements_by_score", "judgements", ["run", "rubric", "score", "conversation", "turn"])
    op.add_column("contrasts", sa.Column("edit_distance", sa.Integer))
    _fill_facets()
    _fill_distances()


def _fill_facets() -> None:
    """Bodies are read a page at a time: they may not fit into memory."""
    table = sa.table("conversations", sa.column("id"), sa.column("body"))
    names = (("conversation", sa.Integer), ("source", SafeText), ("bot", SafeText), ("began_at", UtcTime))
    filled = sa.table("facets", *(sa.column(name, kind) for name, kind in names), sa.column("turns"))
    connection, last = op.get_bind(), 0
    while True:
        query = sa.select(table).where(table.c.id > last).order_by(table.c.id).limit(_PAGE)
        rows = connection.execute(query).all()
        if not rows:
            return
        values = [{"conversation": row.id, **facets(json.loads(row.body))} for row in rows]
        connection.execute(sa.insert(filled), values)
        last = rows[-1].id


def _fill_distances() -> None:
    table = sa.table("contrasts", sa.column("id"), sa.column("body"), sa.column("edit_distance"))
    connection, last = op.get_bind(), 0
    while True:
        query = sa.select(table.c.id, table.c.body).where(table.c.id > last).order_by(table.c.id).limit(_PAGE)
        rows = connection.execute(query).all()
        for row in rows:
            distance = json.loads(row.body)["edit_distance"]
            connection.execute(sa.update(table).where(table.c.id == row.id).values(edit_distance=distance))
        if not rows:
            return
        last = rows[-1].id
