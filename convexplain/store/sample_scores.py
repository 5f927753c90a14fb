"""The scores of a run that judged a sample, by stratum and group: what estimates are made of."""

from typing import Any

import sqlalchemy as sa

from . import schema
from .database import reading
from .judgement_filters import JudgementFilters, filter_judgements
from .samples import run_sample, strata
from .scored_turns import run_rubrics
from .store import RunStore
from .stratified import StratumCell

ALL = "all"
"""The group of all scores."""


def sample_cells(
    store: RunStore, filters: JudgementFilters, key: Any = None, *, facets: bool = False
) -> dict[Any, tuple[StratumCell, ...]] | None:
    """Return the cells of each group of a run's scores; None for a run that judged everything.

    Args:
        store: the store.
        filters: the run, the rubric, and which of its judgements belong to a group at all.
        key: the column by which they are grouped; None takes them as one group, `ALL`.
        facets: whether the column is one of the conversations' facets.
    """
    design = run_sample(store.run(filters.run))
    if design is None:
        return None
    scopes = {rubric.sha: rubric.scope for rubric in run_rubrics(store, filters.run)}
    scope = scopes.get(filters.rubric, "turn")
    everything = JudgementFilters(filters.run, filters.rubric, filters.threshold)
    scored = {row.stratum: row.n for row in _rows(store, everything, sa.literal(ALL))}
    groups: dict[Any, list[StratumCell]] = {}
    for row in _rows(store, filters, sa.literal(ALL) if key is None else key, facets=facets):
        if row.key is not None and row.stratum is not None:
            population = design.strata[row.stratum].population(scope)
            cell = StratumCell(
                row.stratum, population, scored[row.stratum], row.n, row.total, row.squares, int(row.below)
            )
            groups.setdefault(row.key, []).append(cell)
    return {name: tuple(cells) for name, cells in groups.items()}


def _rows(store: RunStore, filters: JudgementFilters, key: Any, *, facets: bool = False) -> list[Any]:
    table, members = schema.judgements, schema.run_conversations
    stratum = (
        sa.select(members.c.stratum)
        .where(members.c.run == filters.run, members.c.conversation == table.c.conversation)
        .scalar_subquery()
    )
    rows = filter_judgements(
        store,
        sa.select(key.label("key"), stratum.label("stratum"), table.c.score.label("score")),
        filters,
        facets=facets,
    )
    scores = rows.where(table.c.score.is_not(None)).subquery()
    score = scores.c.score
    query = sa.select(
        scores.c.key,
        scores.c.stratum,
        sa.func.count().label("n"),
        sa.func.sum(score).label("total"),
        sa.func.sum(score * score).label("squares"),
        sa.func.sum(sa.case((score < filters.threshold, 1), else_=0)).label("below"),
    )
    with reading(store.engine) as connection:
        grouped = query.group_by(scores.c.key, scores.c.stratum).order_by(scores.c.key, scores.c.stratum)
        return list(connection.execute(grouped).all())


def turn_weights(store: RunStore, run: int, rubric: str) -> dict[int, float]:
    """Return for how many turns each scored turn of a sample stands, by the conversation's number; else nothing.

    Args:
        store: the store.
        run: the run's number.
        rubric: SHA of the rubric.
    """
    cells = sample_cells(store, JudgementFilters(run, rubric, 0.0)) or {}
    weight = {cell.stratum: cell.population / cell.scored for cell in cells.get(ALL, ())}
    return {number: weight[stratum] for number, stratum in strata(store, run).items() if stratum in weight}
