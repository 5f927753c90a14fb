"""The turns that two runs have judged on one maxim, side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from . import schema
from .database import reading
from .store import RunStore

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Paired:
    """Turns that both runs have judged, one row a turn.

    Attributes:
        numbers, other_numbers: of the conversations in the store, for each run.
        turns: the indices.
        before, after: the scores of the first and the second run, NaN where one is unscored.
        by_id: turns were matched by the conversations' own ids, because the runs judged other conversations.
    """

    numbers: Numbers
    other_numbers: Numbers
    turns: Numbers
    before: Floats
    after: Floats
    by_id: bool


def shared_maxims(store: RunStore, run: int, other: int) -> list[tuple[str, str, str, str, float]]:
    """The maxims of both runs: id, title, SHA in the first, SHA in the second, threshold in the second."""
    table, rubric = schema.judgements, schema.rubrics

    def of(number: int) -> sa.Select[Any]:
        kinds = sa.select(table.c.rubric).where(table.c.run == number).distinct()
        return sa.select(rubric.c.rubric, rubric.c.title, rubric.c.sha, rubric.c.threshold).where(
            rubric.c.sha.in_(kinds)
        )

    with reading(store.engine) as connection:
        first = {row.rubric: row for row in connection.execute(of(run))}
        second = {row.rubric: row for row in connection.execute(of(other))}
    both = sorted(set(first) & set(second))
    return [(name, first[name].title, first[name].sha, second[name].sha, second[name].threshold) for name in both]


def paired_scores(store: RunStore, run: int, sha: str, other: int, other_sha: str) -> Paired:
    """The turns that two runs have judged on one maxim, in the order of the first run's conversations.

    Turns are the same where the conversation is the same one; where the runs have no conversation in common, where its
    id is: another version of a bot then answered the same conversations.

    Args:
        store: the store.
        run, other: the runs' numbers.
        sha, other_sha: the maxim as each of them judged by it.
    """
    one, two = _scores(store, run, sha), _scores(store, other, other_sha)
    mine, theirs = one[:, 0].astype(np.int64), two[:, 0].astype(np.int64)
    by_id = bool(len(mine) and len(theirs)) and not np.intersect1d(mine, theirs).size
    keys, other_keys = mine, theirs
    if by_id:
        ids = {name: number for number, name in _ids(store, run)}
        same = {number: ids[name] for number, name in _ids(store, other) if name in ids}
        other_keys = np.array([same.get(number, -1) for number in theirs.tolist()], dtype=np.int64)
    wide = 1 + int(max(one[:, 1].max(initial=0), two[:, 1].max(initial=0)))
    # Of conversations of one run that have the same id one counts.
    places, other_places = keys * wide + one[:, 1].astype(np.int64), other_keys * wide + two[:, 1].astype(np.int64)
    _, at, other_at = np.intersect1d(places, other_places, return_indices=True)
    return Paired(mine[at], theirs[other_at], one[at, 1].astype(np.int64), one[at, 2], two[other_at, 2], by_id)


def conversation_ids(store: RunStore, numbers: list[int]) -> dict[int, str]:
    """The conversations' own ids by their numbers in the store."""
    table = schema.conversations
    with reading(store.engine) as connection:
        query = sa.select(table.c.id, table.c.conversation_id).where(table.c.id.in_(set(numbers)))
        return {row.id: row.conversation_id for row in connection.execute(query)}


def _scores(store: RunStore, run: int, sha: str) -> Floats:
    """Rows of conversation, turn and score."""
    table = schema.judgements
    columns = (table.c.conversation, table.c.turn, table.c.score)
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(*columns).where(table.c.run == run, table.c.rubric == sha)).all()
    return np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 3)  # None becomes NaN


def _ids(store: RunStore, run: int) -> list[tuple[int, str]]:
    table, members = schema.conversations, schema.run_conversations
    query = (
        sa.select(table.c.id, table.c.conversation_id)
        .join(members, members.c.conversation == table.c.id)
        .where(members.c.run == run)
        .order_by(table.c.id)
    )
    with reading(store.engine) as connection:
        return [(row.id, row.conversation_id) for row in connection.execute(query)]
