"""The overview of a run: counts and means, worked out by the database, and pages of judged turns."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from . import schema
from .answer_scores import mean_interval
from .database import reading
from .judgement_filters import JudgementFilters, filter_judgements
from .sample_scores import sample_cells
from .store import RunStore
from .stratified import StratumCell, sample_mean, sample_share

TurnOrder = Literal["lowest", "highest", "log"]
Grouping = Literal["source", "bot", "length", "turn", "day"]
_CHOICES = 500  # sources or bots to choose from


@dataclass(frozen=True, slots=True)
class ScoreGroup:
    """Scored judgements that share a source, a bot, a length, a turn or a day.

    Attributes:
        key: the shared source, bot ("" = not named), number of turns, index of a turn, or day.
        n: how many.
        below: how many of them are below the threshold.
        total, squares: the sums of their scores and of these squared.
        cells: in a run that judged a sample, the same by stratum: mean and share are then estimates for the logs.
    """

    key: str | int
    n: int
    below: int
    total: float
    squares: float
    cells: tuple[StratumCell, ...] = ()

    @property
    def mean(self) -> float:
        """Return the mean score in [0, 1]."""
        estimate = sample_mean(self.cells)
        return self.total / self.n if estimate is None else estimate.mean

    @property
    def share(self) -> float:
        """Return the share below the threshold, in [0, 1]."""
        estimate = sample_share(self.cells)
        return self.below / self.n if estimate is None else estimate.mean

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % confidence interval of the mean; None for a single judgement.

        In a sample it fits the design; else judgements count as independent.
        """
        estimate = sample_mean(self.cells)
        if estimate is not None:
            return estimate.interval
        return mean_interval(self.n, self.mean, self.squares / self.n)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram of the scores, with counts.

    Attributes:
        counts: scored judgements in equal bins of [0, 1]; the last bin includes 1.
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
class TurnRow:
    """A judged turn in a list.

    Attributes:
        place: the judgement's place in the store, for `scored_turns`.
        number, conversation: the conversation's number in the store and its own id.
        source, bot: the conversation's.
        turn: the index.
        score, label, reason: of the judgement.
        attributed, contrasted: True if it has an attribution; True if a contrast was found.
    """

    place: int
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
class FilterChoices:
    """The values that the filters of a run can take.

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
    """Return the maxims of a run with their counts, in the order in which they were judged first."""
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
    counts = []
    for row in rows:
        scores = distribution(store, JudgementFilters(run, row.sha, row.threshold), 1)
        counts.append(
            MaximCount(
                row.sha,
                row.rubric,
                row.title,
                row.threshold,
                scores.scored,
                scores.unscored,
                scores.below,
                scores.mean,
            )
        )
    return counts


def run_state(store: RunStore, run: int) -> str:
    """Return a text that changes whenever a run's judgements or its thresholds change; the query is cheap."""
    table, judgements = schema.runs, schema.judgements
    last = sa.select(sa.func.max(judgements.c.id)).scalar_subquery()
    with reading(store.engine) as connection:
        columns = (table.c.alive_at, table.c.status, last, table.c.alarms.is_not(None))
        row = connection.execute(sa.select(*columns).where(table.c.id == run)).first()
    return "" if row is None else " ".join(map(str, row))


def filter_choices(store: RunStore, run: int) -> FilterChoices:
    """Return the values that the filters of a run can take."""
    members, facets = schema.run_conversations, schema.facets
    joined = members.join(facets, facets.c.conversation == members.c.conversation)
    of_run = members.c.run == run

    def values(column: sa.Column[Any]) -> Any:
        return sa.select(column).select_from(joined).where(of_run).distinct().order_by(column).limit(_CHOICES)

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
    first_day, last_day = (moment.date() if moment else None for moment in (first, last))
    return FilterChoices(tuple(sources), tuple(named), first_day, last_day, longest or 0)


def distribution(store: RunStore, filters: JudgementFilters, bins: int = 20) -> Distribution:
    """Return the histogram of the scores, in `bins` equal parts of [0, 1]."""
    table = schema.judgements
    score = table.c.score
    part = sa.case(
        (score.is_(None), -1), (score >= 1, bins - 1), else_=sa.cast(sa.func.floor(score * bins), sa.Integer)
    )
    below = sa.func.coalesce(sa.func.sum(sa.case((score < filters.threshold, 1), else_=0)), 0)
    query = sa.select(part.label("part"), sa.func.count().label("n"), below.label("below"), sa.func.sum(score))
    counts, low, total, unscored = [0] * bins, 0, 0.0, 0
    with reading(store.engine) as connection:
        for place, n, n_below, sum_scores in connection.execute(
            filter_judgements(store, query, filters).group_by(part)
        ):
            if place < 0:
                unscored = n
            else:
                counts[place], low, total = n, low + n_below, total + sum_scores
    scored = sum(counts)
    return Distribution(tuple(counts), scored, unscored, int(low), total / scored if scored else None)


def score_groups(store: RunStore, filters: JudgementFilters, by: Grouping) -> list[ScoreGroup]:
    """Return the scored judgements in groups, in the order of the groups' keys.

    By day, judgements of conversations whose beginning is not logged are left out.
    """
    score, facets = schema.judgements.c.score, schema.facets
    keys: dict[Grouping, Any] = {
        "source": facets.c.source,
        "bot": sa.func.coalesce(facets.c.bot, ""),
        "length": facets.c.turns,
        "turn": schema.judgements.c.turn,
        "day": sa.func.date(facets.c.began_at, type_=sa.String),
    }
    key = keys[by].label("key")
    below = sa.func.sum(sa.case((score < filters.threshold, 1), else_=0))
    cells = sample_cells(store, filters, key, facets=by != "turn")
    query = sa.select(key, sa.func.count(), below, sa.func.sum(score), sa.func.sum(score * score))
    query = filter_judgements(store, query, filters, facets=by != "turn").where(score.is_not(None))
    with reading(store.engine) as connection:
        rows = connection.execute(query.group_by(key).order_by(key)).all()
    return [
        ScoreGroup(
            name if isinstance(name, int) else str(name),
            n,
            int(low),
            total,
            squares,
            cells.get(name, ()) if cells else (),
        )
        for name, n, low, total, squares in rows
        if name is not None
    ]


def turn_rows(
    store: RunStore,
    filters: JudgementFilters,
    limit: int,
    offset: int = 0,
    *,
    unscored: bool = False,
    order: TurnOrder = "lowest",
) -> list[TurnRow]:
    """Return a page of scored turns; if `unscored`, of the others in the order of the store.

    Args:
        store: the run store.
        filters: the turns.
        limit, offset: the page.
        unscored: the turns without a score.
        order: of the scored turns: the `lowest` or `highest` score first, or that of the `log`.
    """
    query = _page_query(store, filters, limit, offset, unscored, order)
    with reading(store.engine) as connection:
        page = connection.execute(query).all()
    return [
        TurnRow(
            row.id,
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
        for row in page
    ]


def _page_query(
    store: RunStore, filters: JudgementFilters, limit: int, offset: int, unscored: bool, order: TurnOrder
) -> sa.Select[Any]:
    table, facets, conversation = schema.judgements, schema.facets, schema.conversations
    by_score: dict[TurnOrder, list[sa.ColumnElement[Any]]] = {
        "lowest": [table.c.score],
        "highest": [table.c.score.desc()],
        "log": [],
    }
    ordered = (*by_score[order], table.c.conversation, table.c.turn)
    place = (table.c.run, table.c.conversation, table.c.turn, table.c.rubric)
    ids = filter_judgements(store, sa.select(table.c.id), filters, facets=True)
    ids = ids.where(table.c.score.is_(None) if unscored else table.c.score.is_not(None))
    ids = ids.order_by(*ordered).limit(limit).offset(offset)

    def has(explanations: sa.Table, *conditions: sa.ColumnElement[bool]) -> Any:
        return sa.exists().where(*(explanations.c[column.name] == column for column in place), *conditions)

    return (
        sa.select(
            *(table.c[name] for name in ("id", "conversation", "turn", "score", "label", "reason")),
            conversation.c.conversation_id,
            facets.c.source,
            facets.c.bot,
            has(schema.attributions).label("attributed"),
            has(schema.contrasts, schema.contrasts.c.found).label("contrasted"),
        )
        .join(facets, facets.c.conversation == table.c.conversation)
        .join(conversation, conversation.c.id == table.c.conversation)
        .where(table.c.id.in_(ids.subquery().select()))
        .order_by(*ordered)
    )
