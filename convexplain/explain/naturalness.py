"""The naturalness of an edit: how much less probable it makes the text for a model of language. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.distance import Indel

from convexplain.models.editing import TokenLogprob
from convexplain.text.segmentation import segment

_TAIL = 60  # characters behind the last changed word that are read, at most to the end of its sentence
_USUAL, _USUAL_TOKENS = -4.0, 20  # nats a token of a usual text, and for how many tokens of the original it counts
_REMOVED = 0.5  # the part of the removed words' log-probability that counts
_SCATTER = 0.2  # nats for each further place: words replaced here and there were not thought of as one sentence
_SMOOTHING = 2  # tokens that are added to the changed ones: one rare word alone is no proof


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Characters of a text from `start` up to `end`, in code points."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the span's characters."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class EditedPassage:
    """The passage of a text that an edit touches, before and after it.

    It begins with the sentence of the first changed word. It ends with the sentence of the last one; where a sentence
    was deleted or added, with the sentence behind it.

    Attributes:
        before, after: the passage in the text before and after the edit; what stands outside is the same.
        removed, added: the changed words in the text before and after the edit.
    """

    before: TextSpan
    after: TextSpan
    removed: tuple[TextSpan, ...]
    added: tuple[TextSpan, ...]


def edited_passage(before: str, after: str) -> EditedPassage | None:
    """Return the passage that differs; None where no word does."""
    changes = _changes(before, after)
    if not changes:
        return None
    first, (last_removed, last_added) = changes[0][0].start, changes[-1]
    tail = max(
        _sentence_end(before, last_removed) - last_removed.end, _sentence_end(after, last_added) - last_added.end
    )
    tail = min(tail, _TAIL, len(before) - last_removed.end, len(after) - last_added.end)
    start = max((unit.start for unit in segment(before, "sentence") if unit.start <= first), default=0)
    if before[:start] != after[:start]:
        start = 0
    return EditedPassage(
        TextSpan(start, last_removed.end + tail),
        TextSpan(start, last_added.end + tail),
        tuple(_trimmed(before, removed) for removed, _ in changes),
        tuple(_trimmed(after, added) for _, added in changes),
    )


def naturalness(passage: EditedPassage, before: Sequence[TokenLogprob], after: Sequence[TokenLogprob]) -> float:
    """Return how the edited passage reads at its worst place, compared with the original: nats for each changed token.

    A place is a run of changed words and the unchanged ones up to the next run. It is judged by the log-probability of
    the new words and by the change of that of the words behind them. Of each token the usual log-probability is taken
    off, so that a longer text is no worse: the mean of the original passage, drawn towards that of a usual text where
    the passage is short. The removed words' own log-probability counts half: a text does not become good only because
    what was replaced was improbable. Each further place takes 0.2 nats off.

    Args:
        passage: the passage that the edit touches.
        before, after: the passage's tokens before and after the edit; their places are those in the whole text.

    Returns:
        About 0 where the text reads as well as before; the further below, the worse. Not bounded.
    """
    total = math.fsum(token.logprob for token in before)
    usual = (total + _USUAL_TOKENS * _USUAL) / (len(before) + _USUAL_TOKENS)
    old_ends = [*(span.start for span in passage.removed[1:]), passage.before.end]
    new_ends = [*(span.start for span in passage.added[1:]), passage.after.end]
    values = []
    for removed, added, old_end, new_end in zip(passage.removed, passage.added, old_ends, new_ends, strict=True):
        old, old_behind = _split(before, removed, old_end)
        new, new_behind = _split(after, added, new_end)
        surprise = _excess(new, usual) + _excess(new_behind, usual) - _excess(old_behind, usual)
        surprise -= _REMOVED * _excess(old, usual)
        values.append(surprise / (max(len(old), len(new)) + _SMOOTHING))
    return min(values) - _SCATTER * (len(values) - 1)


def _split(
    tokens: Sequence[TokenLogprob], changed: TextSpan, end: int
) -> tuple[list[TokenLogprob], list[TokenLogprob]]:
    """Return the tokens of a run of changed words, and those behind it up to `end`."""
    place = [token for token in tokens if changed.start < token.end <= end]
    return [token for token in place if token.start < changed.end], [t for t in place if t.start >= changed.end]


def _excess(tokens: Sequence[TokenLogprob], usual: float) -> float:
    return math.fsum(token.logprob - usual for token in tokens)


def _changes(before: str, after: str) -> list[tuple[TextSpan, TextSpan]]:
    """Return the runs of words that differ, in the text before and after; one of the two may be empty."""
    old, new = (segment(text, "word") for text in (before, after))
    old_words, new_words = ([unit.of(text).strip() for unit in units] for text, units in ((before, old), (after, new)))
    old_cuts, new_cuts = [*(unit.start for unit in old), len(before)], [*(unit.start for unit in new), len(after)]
    changes: list[tuple[TextSpan, TextSpan]] = []
    for step in Indel.opcodes(old_words, new_words):
        if step.tag == "equal":
            continue
        removed = TextSpan(old_cuts[step.src_start], old_cuts[step.src_end])
        added = TextSpan(new_cuts[step.dest_start], new_cuts[step.dest_end])
        if changes and changes[-1][0].end == removed.start and changes[-1][1].end == added.start:
            (begun_removed, begun_added) = changes.pop()
            removed, added = TextSpan(begun_removed.start, removed.end), TextSpan(begun_added.start, added.end)
        changes.append((removed, added))
    return changes


def _trimmed(text: str, span: TextSpan) -> TextSpan:
    """Return the span without the white space at its end, which belongs to the next token."""
    return TextSpan(span.start, span.start + len(span.of(text).rstrip()))


def _sentence_end(text: str, span: TextSpan) -> int:
    """Return the end of the sentence in which the span ends; of an empty span at a cut, of the sentence behind it."""
    cuts = [unit.start for unit in segment(text, "sentence")] + [len(text)]
    last = span.start if span.start == span.end else span.end - 1
    return next((end for start, end in pairwise(cuts) if start <= last < end), len(text))
