"""The change of a text: in words, and in content."""

import math
from collections.abc import Callable, Sequence

import regex
from rapidfuzz.distance import Levenshtein

from convexplain.errors import UsageError
from convexplain.text.segmentation import segment

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")

Embed = Callable[[list[str]], list[list[float]]]
"""From texts to one vector each, all of the same length."""


def edit_distance(before: str, after: str) -> int:
    """Return the fewest words to add, to take out or to replace to get from one text to the other (Levenshtein).

    Words are those of `words`: case and punctuation count, the white space itself does not.
    """
    return int(Levenshtein.distance(words(before), words(after)))


def words(text: str) -> list[str]:
    """Return the words between white space; in scripts without it (Chinese, Thai), the units that are edited."""
    if not _UNSPACED.search(text):
        return text.split()
    return [word for unit in segment(text, "word") if (word := unit.of(text).strip())]


def edit_rate(before: str, after: str) -> float | None:
    """Return the edit distance divided by the number of words before: 0 is unchanged; above 1 when much was added.

    None where `before` has no words, for then there is nothing to divide by.
    """
    count = len(words(before))
    return edit_distance(before, after) / count if count else None


def content_preservation(before: str, after: str, embed: Embed) -> float | None:
    """Return the cosine of the two texts' embeddings, in [-1, 1]: 1 when all content is preserved.

    None where an embedding has no direction: all zeros, or with a number that is not finite.

    Raises:
        UsageError: `embed` gives another number of vectors than it was given texts, or vectors of different lengths.
    """
    return preservations([(before, after)], embed)[0]


def preservations(pairs: Sequence[tuple[str, str]], embed: Embed) -> list[float | None]:
    """Return the content preservation of each (before, after), with one call of `embed`; see `content_preservation`."""
    texts = [text for pair in pairs for text in pair]
    vectors = embed(texts) if texts else []
    if len(vectors) != len(texts):
        raise UsageError(f"embed: it gave {len(vectors)} vectors for {len(texts)} texts; valid is one for each")
    return [_cosine(first, second) for first, second in zip(vectors[::2], vectors[1::2], strict=True)]


def _cosine(first: Sequence[float], second: Sequence[float]) -> float | None:
    if len(first) != len(second):
        raise UsageError(
            f"embed: it gave vectors of {len(first)} and {len(second)} numbers; valid is one length for all"
        )
    lengths = math.hypot(*first), math.hypot(*second)
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return None
    # Each is brought to length 1 first, so that no product of large or small numbers leaves the range of floats.
    cosine = math.fsum((a / lengths[0]) * (b / lengths[1]) for a, b in zip(first, second, strict=True))
    return min(1.0, max(-1.0, cosine))
