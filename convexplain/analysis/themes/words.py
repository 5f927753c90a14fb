"""Words and phrases of texts, in small letters."""

import re
from functools import cache

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PART = re.compile(r"[.!?;:,()\n“”\"]+(?=\s|$)|\n+|\s[–—-]\s")
_LONGEST = 4  # words of a phrase
_SUBJECTS = frozenset(  # of the library's stop words those that do say something
    [
        "bill",
        "call",
        "cry",
        "describe",
        "detail",
        "empty",
        "fill",
        "fire",
        "first",
        "found",
        "interest",
        "last",
        "mill",
        "serious",
        "show",
        "side",
        "system",
        "top",
    ]
)


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


@cache
def stop_words() -> frozenset[str]:
    """Return English words that say nothing of a text's subject."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # type: ignore[import-untyped]  # slow to import

    return (frozenset(ENGLISH_STOP_WORDS) - _SUBJECTS) | {
        "please",
        "thanks",
        "thank",
        "yes",
        "ok",
        "okay",
        "hi",
        "hello",
        "just",
    }


def content_words(text: str) -> list[str]:
    """Return the words of a text that are no stop words and have more than two letters, in order."""
    return [word for word in words_of(text) if len(word) > 2 and word.split("'")[0] not in stop_words()]


def phrases_of(text: str) -> set[str]:
    """Return the runs of one to four words of a text, none of them across a mark that ends a part of a sentence."""
    phrases: set[str] = set()
    for part in _PART.split(text):
        words = words_of(part)
        for size in range(1, _LONGEST + 1):
            phrases.update(" ".join(words[i : i + size]) for i in range(len(words) - size + 1))
    return phrases
