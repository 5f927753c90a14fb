"""The summary of a run, computed by the database."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa

from convexplain.types import Conversation, Judgement

from . import schema
from .database import reading
from .judgement_filters import JudgementFilters
from .run_records import Run
from .sample_scores import ALL, sample_cells
from .serialization import to_conversation, to_judgement
from .store import RunStore
from .stratified import sample_mean, sample_share

_NO_REASON = "no reason given"
_EXAMPLES = 4  # unscored turns that are named for each reason


@dataclass(frozen=True, slots=True)
class MaximSummary:
    """One maxim over a run.

    Attributes:
        rubric, title, threshold: of the maxim.
        judged: turns with a judgement, scored or not.
        unscored: those of them without a score; they count in no other attribute.
        mean: mean score in [0, 1], None when nothing was scored.
        below: share of the scored turns below the threshold, in [0, 1], None when nothing was scored.
        mean_interval, below_interval: in a run that judged a sample, whose mean and share are estimates for all turns
            of the logs, their 95 % intervals; else None.
    """

    rubric: str
    title: str
    threshold: float
    judged: int
    unscored: int
    mean: float | None
    below: float | None
    mean_interval: tuple[float, float] | None = None
    below_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class JudgedTurn:
    """A judgement with the conversation it is about, and this one's number in the store."""

    conversation: Conversation
    judgement: Judgement
    threshold: float
    number: int


@dataclass(frozen=True, slots=True)
class UnscoredTurn:
    """A turn without a score on at least one maxim: its conversation's id, its index, and the reason."""

    conversation: str
    turn: int
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The results of a run, summarised.

    Attributes:
        run: the run.
        conversations, turns: how many have a judgement, scored or not.
        maxims: one row a maxim.
        worst: scored turns, the lowest score first.
        unscored: reasons for missing scores, each with its number of judgements, the most frequent first.
        problems: how many records or files could not be read.
        judges: models of judges, each with its number of judgements; the run's judge first.
        unscored_turns: how many turns have no score on at least one maxim.
        unscored_examples: the first four such turns for each reason.
    """

    run: Run
    conversations: int
    turns: int
    maxims: tuple[MaximSummary, ...]
    worst: tuple[JudgedTurn, ...]
    unscored: tuple[tuple[str, int], ...]
    problems: int
    judges: tuple[tuple[str, int], ...] = ()
    unscored_turns: int = 0
    unscored_examples: tuple[UnscoredTurn, ...] = ()

    @property
    def unscored_judgements(self) -> int:
        """Return how many judgements have no score."""
        return sum(count for _, count in self.unscored)

    def head(self, rubric: str) -> str | None:
        """Return the name of the head that scored a maxim, with its agreement with people; None if no head did."""
        return _head(next((turn.judgement for turn in self.worst if turn.judgement.rubric == rubric), None))


def head_card(store: RunStore, run: Run, rubric: str) -> str | None:
    """Return the name of the head that scored a maxim of a run, as `Summary.head`; the rubric by its SHA."""
    return _head(next((turn.judgement for turn in _worst(store, run, rubric, 1)), None))


def _head(judgement: Judgement | None) -> str | None:
    evidence = judgement.evidence if judgement else None
    return evidence.notes[0] if evidence and evidence.kind == "head" and evidence.notes else None


def summarise(store: RunStore, run: Run, worst: int = 5) -> Summary:
    """Return the summary of a run, with its `worst` lowest-scored turns of each maxim."""
    table = schema.judgements
    of_run = table.c.run == run.id
    reasons = (
        sa.select(table.c.reason, sa.func.count().label("n"))
        .where(of_run, table.c.score.is_(None))
        .group_by(table.c.reason)
        .order_by(sa.desc("n"), sa.func.min(table.c.id))
    )
    models = sa.select(table.c.model, sa.func.count().label("n")).where(of_run).group_by(table.c.model)
    places = sa.select(table.c.conversation, table.c.turn).where(of_run).distinct()
    with reading(store.engine) as connection:
        maxims = list(maxim_summaries(connection, run.id))
        unscored = connection.execute(reasons).all()
        judges = connection.execute(models).all()
        turns, unscored_turns = (
            connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
            for query in (places, places.where(table.c.score.is_(None)))
        )
        examples = tuple(_unscored_examples(connection, run.id)) if unscored else ()
        conversations = connection.execute(
            sa.select(sa.func.count(sa.distinct(table.c.conversation))).where(of_run)
        ).scalar_one()
    return Summary(
        run=run,
        conversations=conversations,
        turns=turns,
        maxims=tuple(estimated(store, run.id, sha, maxim) for _, sha, maxim in maxims),
        worst=tuple(turn for _, sha, _ in maxims for turn in _worst(store, run, sha, worst)),
        unscored=tuple((row.reason or _NO_REASON, row.n) for row in unscored),
        problems=sum(not problem.kept for problem in store.problems(run.id)),
        judges=tuple(sorted(((row.model, row.n) for row in judges), key=lambda judge: (judge[0] != run.judge, *judge))),
        unscored_turns=unscored_turns,
        unscored_examples=examples,
    )


def _unscored_examples(connection: sa.Connection, run: int) -> Iterator[UnscoredTurn]:
    table, conversation = schema.judgements, schema.conversations
    first = sa.func.min(table.c.id)
    turns = (
        sa.select(
            table.c.reason,
            table.c.conversation,
            table.c.turn,
            first.label("first"),
            sa.func.row_number().over(partition_by=table.c.reason, order_by=first).label("position"),
        )
        .where(table.c.run == run, table.c.score.is_(None))
        .group_by(table.c.reason, table.c.conversation, table.c.turn)
        .subquery()
    )
    query = (
        sa.select(conversation.c.conversation_id, turns.c.turn, turns.c.reason)
        .join(turns, turns.c.conversation == conversation.c.id)
        .where(turns.c.position <= _EXAMPLES)
        .order_by(turns.c.first)
    )
    for row in connection.execute(query):
        yield UnscoredTurn(row.conversation_id, row.turn, row.reason or _NO_REASON)


def maxim_summaries(connection: sa.Connection, run: int | None = None) -> Iterator[tuple[int, str, MaximSummary]]:
    """Yield (run, SHA of the rubric, summary) of each maxim of one run or of all, in the order of first judgements."""
    table, rubric = schema.judgements, schema.rubrics
    below = sa.case((table.c.score < rubric.c.threshold, 1.0), (table.c.score.is_not(None), 0.0))
    query = (
        sa.select(
            table.c.run,
            rubric.c.sha,
            rubric.c.rubric,
            rubric.c.title,
            rubric.c.threshold,
            sa.func.count().label("judged"),
            sa.func.count(table.c.score).label("scored"),
            sa.func.avg(table.c.score).label("mean"),
            sa.func.avg(below).label("below"),
        )
        .join(rubric)
        .group_by(table.c.run, rubric.c.sha, rubric.c.rubric, rubric.c.title, rubric.c.threshold)
        .order_by(table.c.run, sa.func.min(table.c.id))
    )
    for row in connection.execute(query if run is None else query.where(table.c.run == run)):
        unscored = row.judged - row.scored
        summary = MaximSummary(row.rubric, row.title, row.threshold, row.judged, unscored, row.mean, row.below)
        yield row.run, row.sha, summary


def estimated(store: RunStore, run: int, sha: str, maxim: MaximSummary) -> MaximSummary:
    """Return a maxim's summary with estimates for all turns of the logs, where the run has judged a sample."""
    cells = sample_cells(store, JudgementFilters(run, sha, maxim.threshold))
    if not cells:
        return maxim
    mean, below = sample_mean(cells[ALL]), sample_share(cells[ALL])
    if mean is None or below is None:
        return maxim
    return replace(maxim, mean=mean.mean, below=below.mean, mean_interval=mean.interval, below_interval=below.interval)


def explained_turns(store: RunStore, run: Run, rubric: str, limit: int) -> list[JudgedTurn]:
    """Return the scored turns of a run that have an attribution or a contrast on a rubric, the lowest scores first.

    Args:
        store: the store.
        run: the run.
        rubric: the SHA of a rubric that the run has judged by.
        limit: the most turns that are returned.
    """
    explained = sa.union(
        *(
            sa.select(table.c.conversation, table.c.turn).where(table.c.run == run.id, table.c.rubric == rubric)
            for table in (schema.contrasts, schema.attributions)
        )
    )
    judged, places = schema.judgements, explained.subquery()
    ids = sa.select(judged.c.id).join(
        places,
        sa.and_(
            judged.c.run == run.id,
            judged.c.conversation == places.c.conversation,
            judged.c.turn == places.c.turn,
            judged.c.rubric == rubric,
        ),
    )
    return _worst(store, run, rubric, limit, judged.c.id.in_(ids))


def _worst(
    store: RunStore, run: Run, sha: str, limit: int, condition: sa.ColumnElement[bool] | None = None
) -> list[JudgedTurn]:
    table, rubric, conversations = schema.judgements, schema.rubrics, schema.conversations
    order = table.c.score if condition is None else table.c.score + 0  # few rows: do not use the index of all scores
    query = (
        sa.select(table, rubric.c.rubric.label("rubric_id"), rubric.c.threshold, conversations.c.body)
        .join(rubric)
        .join(conversations, conversations.c.id == table.c.conversation)
        .where(table.c.run == run.id, table.c.rubric == sha, table.c.score.is_not(None))
        .order_by(order, table.c.id)
        .limit(limit)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(query if condition is None else query.where(condition)).all()
    turns = []
    for row in rows:
        conversation = to_conversation(row.body)
        turns.append(JudgedTurn(conversation, to_judgement(row, conversation), row.threshold, row.conversation))
    return turns


def score_histogram(store: RunStore, run: Run, rubric: str, bins: int) -> list[int]:
    """Return the counts of a maxim's scored turns in `bins` equal parts of [0, 1]; the last part includes 1."""
    table = schema.judgements
    part = sa.case((table.c.score >= 1, bins - 1), else_=sa.cast(sa.func.floor(table.c.score * bins), sa.Integer))
    query = (
        sa.select(part.label("part"), sa.func.count().label("n"))
        .join(schema.rubrics)
        .where(table.c.run == run.id, schema.rubrics.c.rubric == rubric, table.c.score.is_not(None))
        .group_by(part)
    )
    counts = [0] * bins
    with reading(store.engine) as connection:
        for row in connection.execute(query):
            counts[row.part] = row.n
    return counts
