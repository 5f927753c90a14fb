"""Scores in [0, 1] and their log-odds."""

import math

SCORE_SCALARIZERS = ("log_odds", "score")  # scalarizers whose value is the judge's score
_EDGE = 1e-9  # nearer to 0 and 1 all scores have the same log-odds


def score_of(value: float, scalarizer: str) -> float:
    """Return a value as people read it: a score in [0, 1] of the judge's `log_odds` or `score`, else the value."""
    if scalarizer not in SCORE_SCALARIZERS:
        return value
    return probability(value) if scalarizer == "log_odds" else min(max(value, 0.0), 1.0)


def log_odds(score: float) -> float:
    """Return the log-odds of a score in [0, 1]; of 0 and 1 about ±20.7."""
    clipped = min(max(score, _EDGE), 1 - _EDGE)
    return math.log(clipped / (1 - clipped))


def probability(log_odds: float) -> float:
    """Return the score of log-odds, in [0, 1]."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else math.exp(log_odds) / (1 + math.exp(log_odds))
