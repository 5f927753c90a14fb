"""How alike flagged turns fail: by what their replies do, and by what they say without the words of their topic."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convexplain.explain.head_phrases import NOT_LOW, READING_TOO, UNNAMED

from .theme import FlaggedTurn
from .traits import kind_of, traits_of
from .words import content_words

Embedder = Callable[[list[str]], Sequence[Sequence[float]]]
"""Returns a vector for each text; texts of like meaning have a great cosine."""
Matrix = NDArray[np.floating[Any]]

_TRAITS = 0.4  # share of the traits in a similarity; the remainder is the texts'
_CLEAR = 1.3  # weight of a reply's traits from which on they say in which way it fails
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PRIOR = 0.5  # turns that are added to each count


def failure_vectors(turns: Sequence[FlaggedTurn], good: Sequence[FlaggedTurn], embed: Embedder) -> Matrix:
    """Return a vector for each turn, of length 1 or less, whose dot products are the similarities of failures.

    Two fifths of a similarity are the cosine of what the replies do, three fifths that of what they say. What they do
    are their traits, each with the more weight the oftener flagged turns have it than good ones, and the fewer flagged
    ones have it. What they say are reviewers' notes, the judge's reasons and the reply, without the words that other
    turns of the conversation have too: these name its topic.

    Args:
        turns: the turns.
        good: turns that scored well.
        embed: returns a vector for each text.
    """
    texts = _unit_length(np.asarray(embed([failure_text(turn) for turn in turns]), dtype=float))
    traits = _unit_length(_weighted_traits(turns, good), _CLEAR)
    return np.hstack([sqrt(_TRAITS) * traits, sqrt(1 - _TRAITS) * texts])


def failure_text(turn: FlaggedTurn) -> str:
    """Return what is written about a failure and the reply itself, without the words of the conversation's topic.

    Reasons that are made of the reply's clauses are left out: the clauses are compared as such.
    """
    before_and_after = (earlier for i, earlier in enumerate(turn.conversation.turns) if i != turn.turn)
    topic = {word for earlier in before_and_after for word in content_words(earlier.content)}

    def kept_word(match: re.Match[str]) -> str:
        return "" if match[0].casefold().replace("’", "'") in topic or match[0].isdigit() else match[0]

    texts = (*prose_reasons(turn), turn.reply)
    return "\n".join([*turn.notes, *(" ".join(_WORD.sub(kept_word, text).split()) for text in texts)])


def prose_reasons(turn: FlaggedTurn) -> list[str]:
    """Return the judges' reasons that are written by a model; not those that are made of clauses."""
    clauses = [clause.casefold() for clause in turn.clauses]
    reasons = [reason.removesuffix(READING_TOO) for reason in turn.reasons]
    return [
        reason
        for reason in reasons
        if reason not in (UNNAMED, NOT_LOW) and not any(clause in reason.casefold() for clause in clauses)
    ]


def _weighted_traits(turns: Sequence[FlaggedTurn], good: Sequence[FlaggedTurn]) -> Matrix:
    kinds = _kinds(turns)
    weights = _weights(kinds, _kinds(good))
    rows = [[weight * (name in turn_kinds) for name, weight in sorted(weights.items())] for turn_kinds in kinds]
    return np.array(rows, dtype=float).reshape(len(turns), len(weights))


def _kinds(turns: Sequence[FlaggedTurn]) -> list[set[str]]:
    return [{kind_of(trait) for trait in traits_of(turn)} for turn in turns]


def _weights(kinds: Sequence[set[str]], good: Sequence[set[str]]) -> dict[str, float]:
    counts = Counter(kind for turn_kinds in kinds for kind in turn_kinds)
    good_counts = Counter(kind for turn_kinds in good for kind in turn_kinds)
    return {kind: _weight(count, len(kinds), good_counts[kind], len(good)) for kind, count in counts.items()}


def _weight(count: int, turns: int, good_count: int, good: int) -> float:
    rarity = log((turns + 2 * _PRIOR) / (count + _PRIOR))
    if not good:
        return sqrt(rarity)
    lift = log((count + _PRIOR) / (turns + 2 * _PRIOR)) - log((good_count + _PRIOR) / (good + 2 * _PRIOR))
    return max(0.0, lift) * sqrt(rarity)


def _unit_length(vectors: Matrix, least: float = 1e-12) -> Matrix:
    """Return vectors of length 1; those that are shorter than `least` are divided by that, and stay shorter."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), least))
