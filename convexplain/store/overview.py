"""What an overview of a run shows: counts and means that the database works out, and pages of turns."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from . import schema
from .curves import mean_interval
from .database import reading
from .store import RunStore

By = Literal["source", "bot", "length", "turn", "day"]
_VALUES = 500  # sources or bots to choose from
_FRAME = (  # what is around the texts in a conversation's body; a search is not for that
    *(f'"role":"{role}"' for role in ("system", "user", "assistant", "tool")),
    *(f'"{key}":' for key in ("id", "source", "metadata", "turns", "role", "content", "name", "at")),
    "null",
)


@dataclass(frozen=True, slots=True)
class Which:
    """Which of a run's judgements are looked at; what is empty or None does not narrow.

    Attributes:
        run: the run's number.
        rubric: SHA of a rubric that the run has judged by.
        threshold: of that rubric.
        sources, bots: of the conversation; "" stands for a bot that is not named.
        since, until: days (UTC) between which a conversation began, both included.
        length: least and largest number of turns in a conversation.
        turns: first and last index of a judged turn.
        scores: least score, and the score that it is below (1 is below 1 here, so that intervals tile [0, 1]).
        text: what the conversation's texts, names, id, source or metadata hold; letters A to Z of either case.
    """

    run: int
    rubric: str
    threshold: float
    sources: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    length: tuple[int, int] | None = None
    turns: tuple[int, int] | None = None
    scores: tuple[float, float] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The scored judgements that have one thing in common.

    Attributes:
        key: what they have in common: a source, a bot ("" = not named), a number of turns, the index of a turn, a day.
        n: how many.
        below: how many of them are below the threshold.
        total, squares: the sums of their scores and of these squared.
    """

    key: str | int
    n: int
    below: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean score in [0, 1]."""
        return self.total / self.n

    @property
    def share(self) -> float:
        """The share below the threshold, in [0, 1]."""
        return self.below / self.n

    @property
    def interval(self) -> tuple[float, float] | None:
        """What holds the mean with 95 %, as if the judgements were independent; None for a single one."""
        return mean_interval(self.n, self.mean, self.squares / self.n)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the scores lie.

    Attributes:
        counts: scored judgements in equal parts of [0, 1]; the last part includes 1.
        scored, unscored: how many.
        below: how many of the scored ones are below the threshold.
        mean: None where nothing is scored.
    """

    counts: tuple[int, ...]
    scored: int
    unscored: int
    below: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A judged turn in a list.

    Attributes:
        number, conversation: the conversation's number in the store and its own id.
        source, bot: the conversation's.
        turn: the index.
        score, label, reason: what the judge said.
        attributed, contrasted: whether it has an attribution; whether a contrast was found.
    """

    number: int
    conversation: str
    source: str
    bot: str | None
    turn: int
    score: float | None
    label: str | None
    reason: str | None
    attributed: bool
    contrasted: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """What a run's judgements may be narrowed to.

    Attributes:
        sources, bots: in alphabetical order; "" among the bots where some are not named.
        first, last: days on which the first and the last conversation began; None where no log says when.
        longest: turns of the longest conversation.
    """

    sources: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    longest: int = 0


@dataclass(frozen=True, slots=True)
class MaximCount:
    """One maxim of a run; `below` counts the scored turns below the threshold, `mean` is None without any."""

    sha: str
    rubric: str
    title: str
    threshold: float
    scored: int
    unscored: int
    below: int
    mean: float | None = field(default=None)


def maxim_counts(store: RunStore, run: int) -> list[MaximCount]:
    """The maxims of a run with their counts, in the order in which they came."""
    table, rubric = schema.judgements, schema.rubrics
    kinds = (
        sa.select(table.c.rubric.label("sha"), sa.func.min(table.c.id).label("first"))
        .where(table.c.run == run)
        .group_by(table.c.rubric)
        .subquery()
    )
    order = sa.select(kinds.c.sha, rubric.c.rubric, rubric.c.title, rubric.c.threshold).join(
        rubric, rubric.c.sha == kinds.c.sha
    )
    with reading(store.engine) as connection:
        rows = connection.execute(order.order_by(kinds.c.first)).all()
    found = []
    for row in rows:
        of = distribution(store, Which(run, row.sha, row.threshold), 1)
        found.append(
            MaximCount(row.sha, row.rubric, row.title, row.threshold, of.scored, of.unscored, of.below, of.mean)
        )
    return found


def run_state(store: RunStore, run: int) -> str:
    """Changes when anything of a run's judgements does, and costs next to nothing."""
    table, judgements = schema.runs, schema.judgements
    last = sa.select(sa.func.max(judgements.c.id)).scalar_subquery()
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(table.c.alive_at, table.c.status, last).where(table.c.id == run)).first()
    return "" if row is None else f"{row[0]} {row[1]} {row[2]}"


def choices(store: RunStore, run: int) -> Choices:
    """What a run's judgements may be narrowed to."""
    members, facets = schema.run_conversations, schema.facets
    joined = members.join(facets, facets.c.conversation == members.c.conversation)
    of_run = members.c.run == run

    def values(column: sa.Column[Any]) -> Any:
        return sa.select(column).select_from(joined).where(of_run).distinct().order_by(column).limit(_VALUES)

    ends = (
        sa.select(sa.func.min(facets.c.began_at), sa.func.max(facets.c.began_at), sa.func.max(facets.c.turns))
        .select_from(joined)
        .where(of_run)
    )
    with reading(store.engine) as connection:
        sources = connection.execute(values(facets.c.source)).scalars().all()
        bots = connection.execute(values(facets.c.bot)).scalars().all()
        first, last, longest = connection.execute(ends).one()
    named = sorted({bot or "" for bot in bots})
    days = [one.date() if one else None for one in (first, last)]
    return Choices(tuple(sources), tuple(named), days[0], days[1], longest or 0)


def distribution(store: RunStore, which: Which, bins: int = 20) -> Distribution:
    """How the scores lie, in `bins` equal parts of [0, 1]."""
    table = schema.judgements
    score = table.c.score
    part = sa.case(
        (score.is_(None), -1), (score >= 1, bins - 1), else_=sa.cast(sa.func.floor(score * bins), sa.Integer)
    )
    below = sa.func.coalesce(sa.func.sum(sa.case((score < which.threshold, 1), else_=0)), 0)
    query = sa.select(part.label("part"), sa.func.count().label("n"), below.label("below"), sa.func.sum(score))
    counts, low, total, unscored = [0] * bins, 0, 0.0, 0
    with reading(store.engine) as connection:
        for where, n, under, some in connection.execute(_of(store, query, which).group_by(part)):
            if where < 0:
                unscored = n
            else:
                counts[where], low, total = n, low + under, total + some
    scored = sum(counts)
    return Distribution(tuple(counts), scored, unscored, int(low), total / scored if scored else None)


def groups(store: RunStore, which: Which, by: By) -> list[Group]:
    """The scored judgements by what they have in common, in the order of that; those without a day are left out."""
    score, facets = schema.judgements.c.score, schema.facets
    keys: dict[By, Any] = {
        "source": facets.c.source,
        "bot": sa.func.coalesce(facets.c.bot, ""),
        "length": facets.c.turns,
        "turn": schema.judgements.c.turn,
        "day": sa.func.date(facets.c.began_at, type_=sa.String),
    }
    key = keys[by].label("key")
    below = sa.func.sum(sa.case((score < which.threshold, 1), else_=0))
    query = sa.select(key, sa.func.count(), below, sa.func.sum(score), sa.func.sum(score * score))
    query = _of(store, query, which, facets=by != "turn").where(score.is_not(None)).group_by(key).order_by(key)
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
    return [
        Group(one if isinstance(one, int) else str(one), n, int(low), total, squares)
        for one, n, low, total, squares in rows
        if one is not None
    ]


def rows(store: RunStore, which: Which, limit: int, offset: int = 0, *, unscored: bool = False) -> list[Row]:
    """A page of judged turns, the lowest score first; or of those without a score, in the order of the store."""
    table, facets, talk = schema.judgements, schema.facets, schema.conversations
    place = (table.c.run, table.c.conversation, table.c.turn, table.c.rubric)
    ids = _of(store, sa.select(table.c.id), which, facets=True)
    ids = ids.where(table.c.score.is_(None) if unscored else table.c.score.is_not(None))
    ids = ids.order_by(table.c.score, table.c.conversation, table.c.turn).limit(limit).offset(offset)

    def has(other: sa.Table, *more: sa.ColumnElement[bool]) -> Any:
        return sa.exists().where(*(other.c[column.name] == column for column in place), *more)

    query = (
        sa.select(
            *(table.c[name] for name in ("conversation", "turn", "score", "label", "reason")),
            talk.c.conversation_id,
            facets.c.source,
            facets.c.bot,
            has(schema.attributions).label("attributed"),
            has(schema.contrasts, schema.contrasts.c.found).label("contrasted"),
        )
        .join(facets, facets.c.conversation == table.c.conversation)
        .join(talk, talk.c.id == table.c.conversation)
        .where(table.c.id.in_(ids.subquery().select()))
        .order_by(table.c.score, table.c.conversation, table.c.turn)
    )
    with reading(store.engine) as connection:
        found = connection.execute(query).all()
    return [
        Row(
            row.conversation,
            row.conversation_id,
            row.source,
            row.bot,
            row.turn,
            row.score,
            row.label,
            row.reason,
            bool(row.attributed),
            bool(row.contrasted),
        )
        for row in found
    ]


def _of(store: RunStore, query: sa.Select[Any], which: Which, facets: bool = False) -> sa.Select[Any]:
    """The query over the judgements that are meant, joined with facets where that is asked for or needed."""
    table, of = schema.judgements, schema.facets
    query = query.select_from(table).where(table.c.run == which.run, table.c.rubric == which.rubric)
    narrowed = list(_narrowed(which))
    if facets or narrowed:
        joined = table.join(of, of.c.conversation == table.c.conversation)
        query = query.select_from(joined).where(*narrowed)
    if which.turns is not None:
        query = query.where(table.c.turn.between(*which.turns))
    if which.scores is not None:
        low, high = which.scores
        query = query.where(table.c.score >= low, table.c.score <= 1 if high >= 1 else table.c.score < high)
    if which.text:
        query = query.where(table.c.conversation.in_(_holding(store, which.text)))
    return query


def _narrowed(which: Which) -> Iterable[sa.ColumnElement[bool]]:
    """What facets must be."""
    of = schema.facets
    if which.sources:
        yield of.c.source.in_(which.sources)
    if which.bots:
        named = of.c.bot.in_([bot for bot in which.bots if bot])
        yield sa.or_(named, of.c.bot.is_(None)) if "" in which.bots else named
    if which.since is not None:
        yield of.c.began_at >= _midnight(which.since)
    if which.until is not None:
        yield of.c.began_at < _midnight(which.until + timedelta(days=1))
    if which.length is not None:
        yield of.c.turns.between(*which.length)


def _midnight(day: date) -> Any:
    return sa.literal(datetime.combine(day, time()), sa.DateTime)


def _holding(store: RunStore, text: str) -> sa.Select[Any]:
    """The numbers of the conversations that hold a text. Bodies are JSON, so it is looked for as JSON writes it."""
    table = schema.conversations
    body: Any = sa.type_coerce(table.c.body, sa.Text)
    needle = json.dumps(text)[1:-1]
    for part in _FRAME:
        if needle.lower() in part:
            body = sa.func.replace(body, part, "")
    if store.engine.dialect.name == "postgresql":
        return sa.select(table.c.id).where(body.icontains(needle, autoescape=True))
    return sa.select(table.c.id).where(body.contains(needle, autoescape=True))  # SQLite's LIKE knows no case
