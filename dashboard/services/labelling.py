"""Labels that people give to turns, and their disagreements with the judge."""

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
    """A label that a reviewer may give: its name, and its score in [0, 1]."""

    name: str
    score: float


THUMBS = (Choice("good", 1.0), Choice("bad", 0.0))


def label_choices(rubric: Rubric) -> tuple[Choice, ...]:
    """Return the labels of a rubric as choices, the best first."""
    return tuple(Choice(label.name, label.value) for label in sorted(rubric.labels, key=lambda label: -label.value))


def reviewer_name(text: str) -> str:
    """Return a reviewer's name in the form that the store keeps.

    Raises:
        UsageError: the name is empty or too long.
    """
    name = one_line(text)
    if not re.search(r"\w", name) or len(name) > _LONGEST:
        raise UsageError(f"reviewer {name[:_LONGEST]!r} is not valid; write a name of 1 to {_LONGEST} characters")
    return name


def unlabelled_turns(store: RunStore, run: int, rubric: Rubric, name: str, limit: int) -> list[ScoredTurn]:
    """Return the turns that the reviewer has not labelled yet, the lowest scores first."""
    return unrated_turns(store, run, rubric, reviewer_name(name), limit)


def save_label(store: RunStore, turn: ScoredTurn, name: str, choice: Choice) -> None:
    """Save a reviewer's label of a turn; it replaces an earlier one of the same reviewer."""
    rating = Rating(turn.conversation.id, turn.turn, turn.rubric.id, choice.score, reviewer_name(name), choice.name)
    keep_ratings(store, [(turn.conversation, rating)])


def other_ratings(store: RunStore, turn: ScoredTurn, name: str) -> list[Rating]:
    """Return the ratings of a turn by other reviewers."""
    ratings = turn_ratings(store, turn.number, turn.turn, turn.rubric.id)
    return [rating for rating in ratings if rating.rater != one_line(name)]


def disagreements(store: RunStore, run: int, rubric: Rubric, limit: int) -> list[RatedTurn]:
    """Return the turns on which judge and people differ, the largest difference first."""
    return rated_turns(store, run, rubric, limit)


def rating_summary(ratings: Sequence[Rating]) -> str:
    """Return the ratings of a turn in one line, each as `rater: label`."""
    parts = (
        f"{one_line(rating.rater) if rating.rater else 'somebody'}: "
        f"{one_line(rating.label) if rating.label else f'{rating.score:.2f}'}"
        for rating in ratings
    )
    return ", ".join(parts)
