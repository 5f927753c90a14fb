"""What people say of turns, and where the judge sees them differently."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.errors import UsageError
from convexplain.store import RunStore, ScoredTurn, keep_ratings, rated_turns, turn_ratings, unrated_turns
from convexplain.store.ratings import RatedTurn
from convexplain.text.visible import one_line
from convexplain.types import Rating, Rubric

_LONGEST = 60  # characters of a reviewer's name


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a reviewer may say of a turn: how it is called, and its score in [0, 1]."""

    name: str
    score: float


THUMBS = (Choice("good", 1.0), Choice("bad", 0.0))


def choices(rubric: Rubric) -> tuple[Choice, ...]:
    """What may be said on a rubric: its labels, the best first."""
    return tuple(Choice(label.name, label.value) for label in sorted(rubric.labels, key=lambda one: -one.value))


def reviewer(name: str) -> str:
    """A reviewer's name as it is kept.

    Raises:
        UsageError: there is none, or it is too long.
    """
    plain = one_line(name)
    if not re.search(r"\w", plain) or len(plain) > _LONGEST:
        raise UsageError(f"reviewer {plain[:_LONGEST]!r} is not valid; write a name of 1 to {_LONGEST} characters")
    return plain


def waiting(store: RunStore, run: int, rubric: Rubric, name: str, limit: int) -> list[ScoredTurn]:
    """The turns that the reviewer has not labelled yet, the lowest scores first."""
    return unrated_turns(store, run, rubric, reviewer(name), limit)


def label(store: RunStore, turn: ScoredTurn, name: str, choice: Choice) -> None:
    """Keeps what a reviewer says of a turn, in place of what the same reviewer said of it before."""
    rating = Rating(turn.conversation.id, turn.turn, turn.rubric.id, choice.score, reviewer(name), choice.name)
    keep_ratings(store, [(turn.conversation, rating)])


def others(store: RunStore, turn: ScoredTurn, name: str) -> list[Rating]:
    """What other reviewers said of a turn."""
    said = turn_ratings(store, turn.number, turn.turn, turn.rubric.id)
    return [rating for rating in said if rating.rater != one_line(name)]


def disagreements(store: RunStore, run: int, rubric: Rubric, limit: int) -> list[RatedTurn]:
    """Where judge and people are furthest apart, the worst first."""
    return rated_turns(store, run, rubric, limit)


def said(ratings: Sequence[Rating]) -> str:
    """What people said, in one line."""
    parts = (
        f"{one_line(rating.rater) if rating.rater else 'somebody'}: "
        f"{one_line(rating.label) if rating.label else f'{rating.score:.2f}'}"
        for rating in ratings
    )
    return ", ".join(parts)
