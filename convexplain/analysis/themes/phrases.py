"""Distinctive phrases of groups of texts: runs of words that are frequent in one group and rare elsewhere."""

import re
from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_LONGEST = 4  # words of a phrase
_LEAST_TEXTS = 2  # of a group that have the phrase
_PRIOR = 0.5


def phrases_of(text: str) -> set[str]:
    """Return the runs of one to four words of a text, in small letters, none of them across a sentence's end."""
    phrases: set[str] = set()
    for sentence in re.split(r"[.!?;:\n]+", text.casefold()):
        words = _WORD.findall(sentence)
        for size in range(1, _LONGEST + 1):
            phrases.update(" ".join(words[i : i + size]) for i in range(len(words) - size + 1))
    return phrases


def distinctive_phrases(texts: Sequence[str], background: Sequence[str], most: int = 5) -> tuple[str, ...]:
    """Return the phrases that are most distinctive of texts against others, the most distinctive first.

    The measure is the log-odds ratio with a prior, divided by its standard deviation (Monroe et al. 2008), of the
    number of texts that have the phrase. A phrase that lies within a better one, or holds one, is left out.

    Args:
        texts: the texts of the group.
        background: texts to compare with.
        most: how many phrases to return at most.
    """
    inside = Counter(phrase for text in texts for phrase in phrases_of(text))
    outside = Counter(phrase for text in background for phrase in phrases_of(text))
    scores = {
        phrase: _log_odds(count, len(texts), outside[phrase], len(background))
        for phrase, count in inside.items()
        if count >= min(_LEAST_TEXTS, len(texts)) and any(len(word) > 3 for word in phrase.split())
    }
    chosen: list[str] = []
    for phrase in sorted(scores, key=lambda phrase: (-scores[phrase], -len(phrase), phrase)):
        if not any(phrase in better or better in phrase for better in chosen):
            chosen.append(phrase)
        if len(chosen) == most:
            break
    return tuple(chosen)


def _log_odds(inside: int, texts: int, outside: int, others: int) -> float:
    counts = (inside + _PRIOR, texts - inside + _PRIOR, outside + _PRIOR, others - outside + _PRIOR)
    ratio = log(counts[0] / counts[1]) - log(counts[2] / counts[3])
    return ratio / sqrt(1 / counts[0] + 1 / counts[2])
