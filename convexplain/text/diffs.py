"""Two texts as the words that were taken out and put in."""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from rapidfuzz.distance import Indel

Kind = Literal["same", "removed", "added"]
_AROUND = 120  # characters of unchanged text that are shown on each side of a change


@dataclass(frozen=True, slots=True)
class TextChange:
    """A run of words: unchanged, `removed` from the first text, or `added` in the second."""

    kind: Kind
    text: str


def word_diff(before: str, after: str) -> list[TextChange]:
    """What became of `before`, word by word: unchanged and removed words are `before`, unchanged and added `after`."""
    old, new = _words(before), _words(after)
    found: list[TextChange] = []
    for step in Indel.opcodes([word.strip() for word in old], [word.strip() for word in new]):
        gone, come = old[step.src_start : step.src_end], new[step.dest_start : step.dest_end]
        if step.tag != "equal":
            found += [TextChange("removed", "".join(gone)), TextChange("added", "".join(come))]
            continue
        for one, other in zip(gone, come, strict=True):
            word = one.strip()
            same = one if one == other else word
            found.append(TextChange("same", same))
            if one != other:  # the white space after it
                found += [TextChange("removed", one[len(word) :]), TextChange("added", other[len(word) :])]
    return _joined(found)


def shortened(changes: list[TextChange], around: int = _AROUND) -> list[TextChange]:
    """The same with long unchanged runs cut to what stands next to a change."""
    last = len(changes) - 1
    return [_cut(change, 0 if i == 0 else around, 0 if i == last else around) for i, change in enumerate(changes)]


def _cut(change: TextChange, head: int, tail: int) -> TextChange:
    text = change.text
    if change.kind != "same" or len(text) <= head + tail + 40:
        return change
    return TextChange("same", f"{text[:head]} … {text[len(text) - tail :]}")


def _words(text: str) -> list[str]:
    """Words with the white space after them."""
    return re.findall(r"\S+\s*|\s+", text)


def _joined(changes: list[TextChange]) -> list[TextChange]:
    """A removed run stands before the added one that takes its place, and neighbours of one kind are one run."""
    found: list[TextChange] = []
    for edited, group in groupby(changes, key=lambda change: change.kind != "same"):
        runs = list(group)
        kinds: tuple[Kind, ...] = ("removed", "added") if edited else ("same",)
        for kind in kinds:
            text = "".join(change.text for change in runs if change.kind == kind)
            found += [TextChange(kind, text)] if text else []
    return found
