"""Distinctive phrases of groups of texts: runs of words that are frequent in one group and rare elsewhere."""

from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

from .words import content_words, phrases_of

_PRIOR = 0.5
_LEAST_SCORE = 1.64  # standard deviations
_LEAST_SHARE = 0.4  # of the texts that have a phrase; names of users are in fewer


def distinctive_phrases(texts: Sequence[str], background: Sequence[str], most: int = 5) -> tuple[str, ...]:
    """Return the phrases that are most distinctive of texts against others, the most distinctive first.

    The measure is the log-odds ratio with a prior, divided by its standard deviation (Monroe et al. 2008), of the
    number of texts that have the phrase; longer phrases come first among equals. A phrase shares no content word with
    a better one.

    Args:
        texts: the texts of the group.
        background: texts to compare with.
        most: how many phrases to return at most.
    """
    inside = Counter(phrase for text in texts for phrase in phrases_of(text))
    outside = Counter(phrase for text in background for phrase in phrases_of(text))
    least = max(2, _LEAST_SHARE * len(texts))
    scores = {
        phrase: _distinctness(count, len(texts), outside[phrase], len(background)) * (1 + 0.1 * phrase.count(" "))
        for phrase, count in inside.items()
        if count >= least and any(not word.isdigit() for word in content_words(phrase))
    }
    chosen: list[str] = []
    words: set[str] = set()
    for phrase in sorted(scores, key=lambda phrase: (-scores[phrase], phrase)):
        if scores[phrase] >= _LEAST_SCORE and not words & set(content_words(phrase)):
            chosen.append(phrase)
            words |= set(content_words(phrase))
        if len(chosen) == most:
            break
    return tuple(chosen)


def _distinctness(inside: int, texts: int, outside: int, background: int) -> float:
    return log_odds(inside, texts, outside, background) / sqrt(1 / (inside + _PRIOR) + 1 / (outside + _PRIOR))


def log_odds(inside: int, texts: int, outside: int, background: int) -> float:
    """Return the logarithm of the ratio of the odds inside a group to those outside; half a text is added to each."""
    odds = (inside + _PRIOR) / (texts - inside + _PRIOR)
    return log(odds) - log((outside + _PRIOR) / (background - outside + _PRIOR))
