"""The turns that two runs have judged on one maxim, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from convexplain.types import RubricScope

from . import schema
from .database import reading
from .sample_scores import turn_weights
from .store import RunStore

_PAGE = 500  # conversations that are in memory at once
_STRIDE = 1000  # more replies than the assistant gives to one message

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedScores:
    """Scores of the turns that both runs have judged, one row a turn.

    Attributes:
        numbers, numbers_after: of the conversations in the store, for the first and the second run.
        turns, turns_after: the indices, for the first and the second run.
        before, after: the scores of the first and the second run, NaN where one is unscored.
        by_id: some conversations were matched by their own ids, because the runs judged other ones.
        by_messages: some were matched by the user's messages.
    """

    numbers: Numbers
    numbers_after: Numbers
    turns: Numbers
    turns_after: Numbers
    before: Floats
    after: Floats
    by_id: bool
    by_messages: bool = False

    @property
    def same_texts(self) -> bool:
        """Return whether both runs have judged the same conversations, so that only the scores can differ."""
        return bool((self.numbers == self.numbers_after).all())

    def answered_again(self) -> "PairedScores":
        """Return the turns of conversations that were answered again: without those that both runs have judged."""
        again = self.numbers != self.numbers_after
        return replace(
            self,
            numbers=self.numbers[again],
            numbers_after=self.numbers_after[again],
            turns=self.turns[again],
            turns_after=self.turns_after[again],
            before=self.before[again],
            after=self.after[again],
        )


@dataclass(frozen=True, slots=True)
class RunScores:
    """The turns that one run has judged on one maxim.

    Attributes:
        numbers: of the conversations in the store.
        scores: NaN where a turn is unscored.
        weights: in a run that judged a sample, for how many turns of the logs each one stands; else None.
    """

    numbers: Numbers
    scores: Floats
    weights: Floats | None = None

    @property
    def counts(self) -> Floats:
        """Return for how many turns each one counts."""
        return np.ones(len(self.scores)) if self.weights is None else self.weights

    def scored(self) -> "RunScores":
        """Return the turns that have a score."""
        return self.where(~np.isnan(self.scores))

    def where(self, chosen: NDArray[np.bool_]) -> "RunScores":
        """Return the turns for which `chosen` is True."""
        weights = None if self.weights is None else self.weights[chosen]
        return RunScores(self.numbers[chosen], self.scores[chosen], weights)


def run_scores(store: RunStore, run: int, sha: str) -> RunScores:
    """Return the scores of a run on one maxim.

    Args:
        store: the store.
        run: the run's number.
        sha: SHA of the maxim's wording.
    """
    rows = _scores(store, run, sha)
    numbers, weights = rows[:, 0].astype(np.int64), turn_weights(store, run, sha)
    column = np.array([weights.get(number, 0.0) for number in numbers.tolist()]) if weights else None
    return RunScores(numbers, rows[:, 2], column)


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

    Conversations that both runs have are matched with themselves. The others are answers of another version of a bot:
    they are matched by their ids, where the first user turn is the same (ids that a reader made of a file's name and a
    number say nothing about the conversation), else by the same user turns. The last counts only where it matches half
    of the smaller run: short greetings are the same in unrelated logs. In matched conversations an assistant's turn is
    matched with the one that follows as many user turns.

    Args:
        store: the store.
        before, after: the runs' numbers.
        sha, sha_after: SHA of the maxim's wording in each of them.
        scope: what the maxim judges; a conversation is matched whatever the index of its last assistant turn is.
    """
    first, second = _scores(store, before, sha), _scores(store, after, sha_after)
    numbers, numbers_after = first[:, 0].astype(np.int64), second[:, 0].astype(np.int64)
    turns, turns_after = first[:, 1].astype(np.int64), second[:, 1].astype(np.int64)
    matches = _matches(store, (before, numbers), (after, numbers_after))
    same = np.array([matches.of.get(number, number) for number in numbers_after.tolist()], dtype=np.int64)
    places, places_after = matches.places(numbers, turns), matches.places(numbers_after, turns_after)
    width = 1 + int(max(places.max(initial=0), places_after.max(initial=0)))
    keys, keys_after = numbers * width, same * width
    if scope == "turn":
        keys, keys_after = keys + places, keys_after + places_after
    # Where conversations of one run have the same id, one of them counts.
    _, at, at_after = np.intersect1d(keys, keys_after, return_indices=True)
    return PairedScores(
        numbers[at],
        numbers_after[at_after],
        turns[at],
        turns_after[at_after],
        first[at, 2],
        second[at_after, 2],
        matches.by_id,
        matches.by_messages,
    )


@dataclass(frozen=True, slots=True)
class _Outline:
    """A conversation's user turns, and for each turn a number by which it is matched: user turns before it first."""

    messages: tuple[str, ...]
    places: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Matches:
    """By the number of a conversation of the second run, that of the first run; and the outlines of both."""

    of: Mapping[int, int]
    outlines: Mapping[int, _Outline]
    by_id: bool = False
    by_messages: bool = False

    def places(self, numbers: Numbers, turns: Numbers) -> Numbers:
        """Return by what each turn is matched: its index, or its place in the outline of a matched conversation."""
        if not self.of:
            return turns
        matched = {*self.of, *self.of.values()}
        return np.array(
            [
                self.outlines[number].places[turn] if number in matched else turn
                for number, turn in zip(numbers.tolist(), turns.tolist(), strict=True)
            ],
            dtype=np.int64,
        )


def _matches(store: RunStore, before: tuple[int, Numbers], after: tuple[int, Numbers]) -> _Matches:
    (run, numbers), (run_after, numbers_after) = before, after
    remaining = set(np.setdiff1d(numbers, numbers_after).tolist())
    remaining_after = set(np.setdiff1d(numbers_after, numbers).tolist())
    if not remaining or not remaining_after:
        return _Matches({}, {})
    ids = {name: number for number, name in _ids(store, run) if number in remaining}
    names = {number: name for number, name in _ids(store, run_after) if number in remaining_after}
    by_id = {number: ids[name] for number, name in names.items() if name in ids}
    outlines = _outlines(store, sorted({*by_id, *by_id.values()}))
    by_id = {
        number: match
        for number, match in by_id.items()
        if outlines[number].messages[:1] == outlines[match].messages[:1]
    }
    remaining, remaining_after = remaining - set(by_id.values()), remaining_after - set(by_id)
    if not remaining or not remaining_after:
        return _Matches(by_id, outlines, bool(by_id))
    outlines |= _outlines(store, sorted((remaining | remaining_after) - set(outlines)))
    by_messages = _same_messages(outlines, sorted(remaining), sorted(remaining_after))
    least = min(len(np.unique(numbers)), len(np.unique(numbers_after))) / 2
    if len(by_messages) < least:
        by_messages = {}
    return _Matches({**by_id, **by_messages}, outlines, bool(by_id), bool(by_messages))


def _same_messages(outlines: Mapping[int, _Outline], numbers: list[int], numbers_after: list[int]) -> dict[int, int]:
    """Return the conversations with the same user turns, each matched once, in their order."""
    by_messages: dict[tuple[str, ...], list[int]] = {}
    for number in reversed(numbers):
        if outlines[number].messages:
            by_messages.setdefault(outlines[number].messages, []).append(number)
    pairs = ((number, by_messages.get(outlines[number].messages)) for number in numbers_after)
    return {number: matches.pop() for number, matches in pairs if matches}


def _outlines(store: RunStore, numbers: list[int]) -> dict[int, _Outline]:
    """Return the outlines of conversations by their numbers."""
    table, outlines = schema.conversations, dict[int, _Outline]()
    for start in range(0, len(numbers), _PAGE):
        query = sa.select(table.c.id, table.c.body).where(table.c.id.in_(numbers[start : start + _PAGE]))
        with reading(store.engine) as connection:
            for row in connection.execute(query):
                outlines[row.id] = _outline(row.body["turns"])
    return outlines


def _outline(turns: Sequence[Mapping[str, Any]]) -> _Outline:
    messages: list[str] = []
    places: list[int] = []
    replies = 0  # of the assistant since the last user turn
    for turn in turns:
        if turn["role"] == "user":
            messages.append(turn["content"])
            replies = 0
        places.append(len(messages) * _STRIDE + min(replies, _STRIDE - 1))
        replies += turn["role"] == "assistant"
    return _Outline(tuple(messages), places)


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
