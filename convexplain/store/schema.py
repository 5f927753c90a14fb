"""The tables of the run store. Every change here needs a migration in `migrations/versions`."""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

REVISION = "1007"


class JsonText(sa.TypeDecorator[Any]):
    """JSON in a text column, pure ASCII: it can hold NUL and lone surrogates, which databases refuse in text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """Return the JSON text for the database."""
        return None if value is None else json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """Return the value of a text from the database."""
        return None if value is None else json.loads(value)


class SafeText(sa.TypeDecorator[str]):
    r"""Text to display and search; characters that a database refuses (NUL, lone surrogates) become escapes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the text for the database."""
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


class UtcTime(sa.TypeDecorator[datetime]):
    """A moment with its time zone, stored as UTC without a zone."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the moment for the database, in UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the moment in UTC from the database."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", SafeText, unique=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("alive_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("signature", sa.String(64), nullable=False, index=True),
    sa.Column("judge", SafeText, nullable=False),
    sa.Column("judge_spec", SafeText),
    sa.Column("fingerprint", SafeText, nullable=False),  # of the judge: noise floors and calibrations belong to it
    sa.Column("settings", JsonText, nullable=False),
    sa.Column("spend", JsonText, nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False, server_default="analysis"),
    sa.Column("alarms", JsonText),  # by a maxim's id the threshold of an alarm budget
    sa.Column("sample", JsonText),  # the design of a run that judged a sample, with the counts of its population
    sqlite_autoincrement=True,  # the number of a deleted run is not used again
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("conversation_id", SafeText, nullable=False),
    sa.Column("source", SafeText, nullable=False),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("imported", sa.Boolean, nullable=False),  # it stays when the runs that judged it are deleted
    sa.Column("body", JsonText, nullable=False),
)

facets = sa.Table(
    "facets",
    metadata,
    sa.Column("conversation", sa.ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("source", SafeText, nullable=False),
    sa.Column("bot", SafeText),
    sa.Column("began_at", UtcTime),
    sa.Column("turns", sa.Integer, nullable=False),
)

run_conversations = sa.Table(
    "run_conversations",
    metadata,
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("conversation", sa.ForeignKey("conversations.id"), primary_key=True, index=True),
    sa.Column("stratum", sa.Integer),  # of the run's sample; null where it judged everything
)

rubrics = sa.Table(
    "rubrics",
    metadata,
    sa.Column("sha", sa.String(64), primary_key=True),
    sa.Column("rubric", SafeText, nullable=False),
    sa.Column("title", SafeText, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("body", JsonText, nullable=False),
)

judgements = sa.Table(
    "judgements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("conversation", sa.ForeignKey("conversations.id"), nullable=False, index=True),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("rubric", sa.ForeignKey("rubrics.sha"), nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("label", SafeText),
    sa.Column("reason", SafeText),
    sa.Column("evidence", JsonText, nullable=False),
    sa.Column("model", SafeText, nullable=False),
    sa.Column("prompt_sha", sa.String(64), nullable=False),
    sa.UniqueConstraint("run", "conversation", "turn", "rubric"),
    sa.Index("judgements_by_score", "run", "rubric", "score", "conversation", "turn"),
)

problems = sa.Table(
    "problems",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("source", SafeText, nullable=False),
    sa.Column("line", sa.Integer),
    sa.Column("kept", sa.Boolean, nullable=False),
    sa.Column("reason", SafeText, nullable=False),
)

model_calls = sa.Table(
    "model_calls",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("model", SafeText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("reply", JsonText, nullable=False),
)

leases = sa.Table(  # of requests in flight: a row is there while somebody asks
    "leases",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
)

contrasts = sa.Table(
    "contrasts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("conversation", sa.ForeignKey("conversations.id"), nullable=False, index=True),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("rubric", sa.ForeignKey("rubrics.sha"), nullable=False),
    sa.Column("settings", sa.String(64), nullable=False),
    sa.Column("question", sa.String(16), nullable=False),
    sa.Column("goal", sa.String(16), nullable=False),
    sa.Column("found", sa.Boolean, nullable=False),
    sa.Column("score_before", sa.Float),
    sa.Column("score_after", sa.Float),
    sa.Column("body", JsonText, nullable=False),
    sa.Column("edit_distance", sa.Integer),
    sa.UniqueConstraint("run", "conversation", "turn", "rubric", "settings"),
)

attributions = sa.Table(
    "attributions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("conversation", sa.ForeignKey("conversations.id"), nullable=False, index=True),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("rubric", sa.ForeignKey("rubrics.sha"), nullable=False),
    sa.Column("settings", sa.String(64), nullable=False),
    sa.Column("question", sa.String(16), nullable=False),
    sa.Column("method", sa.String(16), nullable=False),
    sa.Column("body", JsonText, nullable=False),  # one object a level
    sa.UniqueConstraint("run", "conversation", "turn", "rubric", "settings"),
)

noise_floors = sa.Table(
    "noise_floors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("model", SafeText, nullable=False),  # its fingerprint
    sa.Column("rubric", sa.String(64), nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("model", "rubric"),
)

ratings = sa.Table(
    "ratings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("conversation", sa.ForeignKey("conversations.id"), nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("rubric", sa.String(64), nullable=False),  # its id: ratings hold for every wording of the rubric
    sa.Column("rater", SafeText, nullable=False),  # empty without a name
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("label", SafeText),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("note", SafeText),
    sa.UniqueConstraint("conversation", "turn", "rubric", "rater"),
)

calibrations = sa.Table(
    "calibrations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("model", SafeText, nullable=False),  # its fingerprint, as of noise floors
    sa.Column("rubric", sa.String(64), nullable=False),
    sa.Column("body", JsonText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("model", "rubric"),
)

judge_agreements = sa.Table(
    "judge_agreements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("judge", SafeText, nullable=False),  # what identifies its scores, with samples and second judge
    sa.Column("wording", sa.String(64), nullable=False),  # SHA-256 of all that a rubric asks
    sa.Column("source", sa.String(16), nullable=False),  # people's labels, or a half of the reference set
    sa.Column("body", JsonText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("judge", "wording", "source"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("settings", JsonText, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("progress", JsonText, nullable=False),
    sa.Column("result", JsonText),
    sa.Column("error", SafeText),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("run", sa.Integer, sa.ForeignKey("runs.id", ondelete="SET NULL")),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("alive_at", UtcTime, nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("process", sa.Integer),
)

pair_reviews = sa.Table(
    "pair_reviews",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("contrast", sa.ForeignKey("contrasts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("reviewer", SafeText, nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("text", JsonText),  # the reviewer's wording of the edited turn, to the letter
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("contrast", "reviewer"),
)

theme_sets = sa.Table(  # one row for each run whose themes were looked for, also where there are none
    "theme_sets",
    metadata,
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("body", JsonText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

themes = sa.Table(
    "themes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", SafeText, nullable=False),
    sa.Column("pinned", sa.Integer, index=True),  # the number of the first theme of its line, maybe of a deleted run
    sa.Column("body", JsonText, nullable=False),
    sqlite_autoincrement=True,  # the number of a deleted theme is not used again
)

theme_members = sa.Table(
    "theme_members",
    metadata,
    sa.Column("theme", sa.ForeignKey("themes.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("conversation", sa.ForeignKey("conversations.id"), primary_key=True, index=True),
    sa.Column("turn", sa.Integer, primary_key=True),
    sa.Column("similarity", sa.Float, nullable=False),
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("person", SafeText, nullable=False),
    sa.Column("action", SafeText, nullable=False),
    sa.Column("details", JsonText, nullable=False),
    sqlite_autoincrement=True,  # a gap in the numbers is a deleted event
)
