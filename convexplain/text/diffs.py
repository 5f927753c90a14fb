"""Word differences of two texts."""

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
    """Return the runs of words: unchanged and removed ones give `before`, unchanged and added ones `after`."""
    old, new = _words(before), _words(after)
    changes: list[TextChange] = []
    for step in Indel.opcodes([word.strip() for word in old], [word.strip() for word in new]):
        removed, added = old[step.src_start : step.src_end], new[step.dest_start : step.dest_end]
        if step.tag != "equal":
            changes += [TextChange("removed", "".join(removed)), TextChange("added", "".join(added))]
            continue
        for old_word, new_word in zip(removed, added, strict=True):
            word = old_word.strip()
            changes.append(TextChange("same", old_word if old_word == new_word else word))
            if old_word != new_word:  # the white space after it
                changes += [TextChange("removed", old_word[len(word) :]), TextChange("added", new_word[len(word) :])]
    return _joined(changes)


def shortened(changes: list[TextChange], around: int = _AROUND) -> list[TextChange]:
    """Return the changes with long unchanged runs cut to the text next to a change."""
    last = len(changes) - 1
    return [_cut(change, 0 if i == 0 else around, 0 if i == last else around) for i, change in enumerate(changes)]


def marked(changes: list[TextChange]) -> str:
    """Return a diff as one line of plain text: removed words as `[-old-]`, added ones as `{+new+}`."""
    line = ""
    before = TextChange("same", "")
    for change in changes:
        words = " ".join(change.text.split())
        if not words:  # white space alone is no change, but stands between words
            before = TextChange(before.kind, f"{before.text}{change.text}")
            continue
        mark = {"same": words, "removed": f"[-{words}-]", "added": f"{{+{words}+}}"}[change.kind]
        apart = before.text[-1:].isspace() or change.text[:1].isspace()
        line += f" {mark}" if line and apart and (before.kind, change.kind) != ("removed", "added") else mark
        before = change
    return line


def _cut(change: TextChange, head: int, tail: int) -> TextChange:
    text = change.text
    if change.kind != "same" or len(text) <= head + tail + 40:
        return change
    return TextChange("same", f"{text[:head]} … {text[len(text) - tail :]}")


def _words(text: str) -> list[str]:
    """Words and the punctuation marks behind them, each with the white space after it."""
    return re.findall(r"(?:[.,;:!?…]+|\S+?)(?:\s+|(?=[.,;:!?…]+(?:\s|$))|$)|\s+", text)


def _joined(changes: list[TextChange]) -> list[TextChange]:
    """A removed run stands before the added one that takes its place, and neighbours of one kind are one run."""
    joined: list[TextChange] = []
    for edited, group in groupby(changes, key=lambda change: change.kind != "same"):
        runs = list(group)
        kinds: tuple[Kind, ...] = ("removed", "added") if edited else ("same",)
        for kind in kinds:
            text = "".join(change.text for change in runs if change.kind == kind)
            joined += [TextChange(kind, text)] if text else []
    return joined
