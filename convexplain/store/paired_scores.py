"""The turns that two runs have judged on one maxim, side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from convexplain.types import RubricScope

from . import schema
from .database import reading
from .serialization import to_conversation
from .store import RunStore

_PAGE = 500  # conversations that are in memory at once

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedScores:
    """Scores of the turns that both runs have judged, one row a turn.

    Attributes:
        numbers, numbers_after: of the conversations in the store, for the first and the second run.
        turns, turns_after: the indices, for the first and the second run.
        before, after: the scores of the first and the second run, NaN where one is unscored.
        by_id: turns were matched by the conversations' own ids, because the runs judged other conversations.
    """

    numbers: Numbers
    numbers_after: Numbers
    turns: Numbers
    turns_after: Numbers
    before: Floats
    after: Floats
    by_id: bool


@dataclass(frozen=True, slots=True)
class RunScores:
    """The turns that one run has judged on one maxim: conversations' numbers, and scores, NaN where unscored."""

    numbers: Numbers
    scores: Floats

    def scored(self) -> "RunScores":
        """Return the turns that have a score."""
        scored = ~np.isnan(self.scores)
        return RunScores(self.numbers[scored], self.scores[scored])


def run_scores(store: RunStore, run: int, sha: str) -> RunScores:
    """Return the scores of a run on one maxim.

    Args:
        store: the store.
        run: the run's number.
        sha: SHA of the maxim's wording.
    """
    rows = _scores(store, run, sha)
    return RunScores(rows[:, 0].astype(np.int64), rows[:, 2])


def shared_maxims(store: RunStore, before: int, after: int) -> list[tuple[str, str, str, str, float]]:
    """Return the maxims of both runs: id, title, SHA in the first, SHA in the second, threshold in the second."""
    table, rubric = schema.judgements, schema.rubrics

    def maxims(run: int) -> sa.Select[Any]:
        kinds = sa.select(table.c.rubric).where(table.c.run == run).distinct()
        return sa.select(rubric.c.rubric, rubric.c.title, rubric.c.sha, rubric.c.threshold).where(
            rubric.c.sha.in_(kinds)
        )

    with reading(store.engine) as connection:
        first = {row.rubric: row for row in connection.execute(maxims(before))}
        second = {row.rubric: row for row in connection.execute(maxims(after))}
    both = sorted(set(first) & set(second))
    return [(name, first[name].title, first[name].sha, second[name].sha, second[name].threshold) for name in both]


def paired_scores(
    store: RunStore, before: int, sha: str, after: int, sha_after: str, scope: RubricScope = "turn"
) -> PairedScores:
    """Return the turns that two runs have judged on one maxim, in the order of the first run's conversations.

    Turns are matched by conversation. Runs with no conversation in common are matched by the conversations' ids, where
    the first user turn is the same: there, another version of a bot answered the same conversations. (Ids that a reader
    made of a file's name and a number say nothing about the conversation.)

    Args:
        store: the store.
        before, after: the runs' numbers.
        sha, sha_after: SHA of the maxim's wording in each of them.
        scope: what the maxim judges; a conversation is matched whatever the index of its last assistant turn is.
    """
    first, second = _scores(store, before, sha), _scores(store, after, sha_after)
    numbers, numbers_after = first[:, 0].astype(np.int64), second[:, 0].astype(np.int64)
    turns, turns_after = first[:, 1].astype(np.int64), second[:, 1].astype(np.int64)
    by_id = bool(len(numbers) and len(numbers_after)) and not np.intersect1d(numbers, numbers_after).size
    matches = numbers_after  # the first run's conversation for each row of the second
    if by_id:
        ids = {name: number for number, name in _ids(store, before)}
        same = {number: ids[name] for number, name in _ids(store, after) if name in ids}
        same = _with_the_same_opening(store, same)
        matches = np.array([same.get(number, -1) for number in numbers_after.tolist()], dtype=np.int64)
    width = 1 + int(max(turns.max(initial=0), turns_after.max(initial=0)))
    keys, keys_after = numbers * width, matches * width
    if scope == "turn":
        keys, keys_after = keys + turns, keys_after + turns_after
    # Where conversations of one run have the same id, one of them counts.
    _, at, at_after = np.intersect1d(keys, keys_after, return_indices=True)
    return PairedScores(
        numbers[at], numbers_after[at_after], turns[at], turns_after[at_after], first[at, 2], second[at_after, 2], by_id
    )


def _with_the_same_opening(store: RunStore, matches: dict[int, int]) -> dict[int, int]:
    """Return those matches of conversations in which the user begins with the same text."""
    openings = _openings(store, sorted({*matches, *matches.values()}))
    return {number: match for number, match in matches.items() if openings[number] == openings[match]}


def _openings(store: RunStore, numbers: list[int]) -> dict[int, str | None]:
    """Return the first user turns of conversations by their numbers; None where there is none."""
    table, openings = schema.conversations, dict[int, str | None]()
    for start in range(0, len(numbers), _PAGE):
        query = sa.select(table.c.id, table.c.body).where(table.c.id.in_(numbers[start : start + _PAGE]))
        with reading(store.engine) as connection:
            for row in connection.execute(query):
                turns = to_conversation(row.body).turns
                openings[row.id] = next((turn.content for turn in turns if turn.role == "user"), None)
    return openings


def conversation_ids(store: RunStore, numbers: list[int]) -> dict[int, str]:
    """Return the ids of conversations by their numbers in the store."""
    table = schema.conversations
    with reading(store.engine) as connection:
        query = sa.select(table.c.id, table.c.conversation_id).where(table.c.id.in_(set(numbers)))
        return {row.id: row.conversation_id for row in connection.execute(query)}


def _scores(store: RunStore, run: int, sha: str) -> Floats:
    """Return rows of conversation, turn and score."""
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
