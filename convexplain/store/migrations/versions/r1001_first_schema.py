"""The first schema.

Its tables are spelled out here, and not taken from the schema module: this must go on making the tables of its own
time when that module has moved on. Revisions 0001 to 0006 belong to versions before the first release; a store of
theirs is refused.
"""

import sqlalchemy as sa
from alembic import op

revision = "1001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _runs_and_conversations()
    _judgements()
    _explanations()
    _people()
    op.create_table(
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


def _runs_and_conversations() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, unique=True),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("alive_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False, index=True),
        sa.Column("judge", sa.Text, nullable=False),
        sa.Column("judge_spec", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("spend", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "facets",
        sa.Column("conversation", sa.Integer, sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("bot", sa.Text),
        sa.Column("began_at", sa.DateTime),
        sa.Column("turns", sa.Integer, nullable=False),
    )
    op.create_table(
        "run_conversations",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("conversation", sa.Integer, sa.ForeignKey("conversations.id"), primary_key=True, index=True),
    )
    op.create_table(
        "problems",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("line", sa.Integer),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _judgements() -> None:
    op.create_table(
        "rubrics",
        sa.Column("sha", sa.String(64), primary_key=True),
        sa.Column("rubric", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "judgements",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        _conversation(),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("rubric", sa.String(64), sa.ForeignKey("rubrics.sha"), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("label", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt_sha", sa.String(64), nullable=False),
        sa.UniqueConstraint("run", "conversation", "turn", "rubric"),
        sa.Index("judgements_by_score", "run", "rubric", "score", "conversation", "turn"),
    )
    op.create_table(
        "model_calls",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
    )
    op.create_table(
        "noise_floors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("rubric", sa.String(64), nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("model", "rubric"),
    )


def _explanations() -> None:
    op.create_table(
        "contrasts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        _conversation(),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("rubric", sa.String(64), sa.ForeignKey("rubrics.sha"), nullable=False),
        sa.Column("settings", sa.String(64), nullable=False),
        sa.Column("question", sa.String(16), nullable=False),
        sa.Column("goal", sa.String(16), nullable=False),
        sa.Column("found", sa.Boolean, nullable=False),
        sa.Column("score_before", sa.Float),
        sa.Column("score_after", sa.Float),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("edit_distance", sa.Integer),
        sa.UniqueConstraint("run", "conversation", "turn", "rubric", "settings"),
    )
    op.create_table(
        "attributions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        _conversation(),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("rubric", sa.String(64), sa.ForeignKey("rubrics.sha"), nullable=False),
        sa.Column("settings", sa.String(64), nullable=False),
        sa.Column("question", sa.String(16), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("run", "conversation", "turn", "rubric", "settings"),
    )


def _people() -> None:
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


def _conversation() -> "sa.Column[int]":
    return sa.Column("conversation", sa.Integer, sa.ForeignKey("conversations.id"), nullable=False, index=True)
