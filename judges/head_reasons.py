"""Reasons of a head's score in words, made of the plain numbers that pulled it down. No model is asked.

A head is linear. So a number's part in a score is known: its weight times how far it is from that of an ordinary turn,
in log-odds. A part is named by words that are true of the turn whatever the weights are (`turn_features.py`). The
model's hidden states take part too, and nothing is known of what they mean; where they decide, the reason says so.
"""

import math
from collections.abc import Mapping, Sequence

from convexplain.explain.head_phrases import NOT_LOW, READING_TOO, UNNAMED
from convexplain.types import Judgement, Rubric, Turn

from .heads import Head
from .turn_features import FEATURES, TurnReading
from .turn_numbers import NAMES, turn_numbers

_LEAST = 0.3  # log-odds: a smaller part in a score is not worth naming
_LEAST_SHARE = 0.1  # of the log-odds between the threshold and the score
_MOST = 3  # features that are named

TYPICAL: Mapping[str, float] = {
    "complies_at_once": 0.09,
    "permission": 0.04,
    "refuses": 0.04,
    "refuses_at_once": 0.04,
    "risk_refuses": 0.02,
    "generic": 0.03,
    "warm": 0.08,
    "no_word_of_user": 0.29,
    "covers_user": 0.19,
    "like_last_reply": 0.02,
    "covered_by_user": 0.18,
    "asks_back": 0.02,
    "ends_with_question": 0.04,
    "numbers_new": 0.09,
    "clash_name": 0.07,
    "length_words": 2.99,
    "length_characters": 4.59,
    "length_sentences": 1.05,
    "length_of_sentences": 2.44,
    "length_idf_sum": 4.19,
    "length_content": 2.38,
    "new_content": 1.29,
    "exclamations": 0.03,
}
"""Means of the plain numbers over the good turns of the reference set; those below 0.02 are left out and count as 0."""


def head_reason(head: Head, turns: Sequence[Turn], judgement: Judgement, rubric: Rubric) -> str:
    """Return why a head gave a turn its score: what it does that pulled the score down most, at most three features.

    Args:
        head: the head.
        turns: the judged turn, and the turns before it that the head has read.
        judgement: the head's judgement of it; the score may have been calibrated since.
        rubric: the rubric, with the threshold that the score is held against.
    """
    score, raw = judgement.score or 0.0, judgement.evidence.raw_score
    if score >= rubric.threshold:
        return NOT_LOW
    threshold = _log_odds(rubric.threshold if raw is None else 0.5)  # a calibration maps scores, and no threshold
    total = _log_odds(score if raw is None else raw)
    parts = feature_parts(head, turns, judgement.turn + 1 - len(turns))
    least = max(_LEAST, _LEAST_SHARE * (threshold - total))
    strongest = [(part, words) for part, words in parts if -part >= least][:_MOST]
    if not strongest:
        return UNNAMED
    clauses = "; ".join(words for _, words in strongest)
    reading = total - math.fsum(part for part, _ in strongest)
    return f"{clauses[0].upper()}{clauses[1:]}.{READING_TOO if reading < threshold else ''}"


def feature_parts(head: Head, turns: Sequence[Turn], first: int = 0) -> list[tuple[float, str]]:
    """Return the features of a turn that pull a head's score down: parts in log-odds and words, the strongest first.

    Args:
        head: the head.
        turns: the judged turn, and what comes before it.
        first: the index of the first of these turns in the conversation.
    """
    weights = dict(zip(NAMES, head.weights, strict=False))
    turn = TurnReading(turns, dict(zip(NAMES, turn_numbers(turns), strict=True)), first)
    parts = []
    for feature in FEATURES:
        part = math.fsum(weights[name] * (turn.numbers[name] - TYPICAL.get(name, 0.0)) for name in feature.numbers)
        if part < 0 and (words := feature.words(turn)):
            parts.append((part, words))
    return sorted(parts)


def _log_odds(probability: float) -> float:
    bounded = min(1 - 1e-9, max(1e-9, probability))
    return math.log(bounded / (1 - bounded))
