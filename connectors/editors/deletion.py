"""Editing by deletion: a turn without a sentence, or without a clause or phrase of it, mended where they were."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from convexplain.explain.head_phrases import quoted_faults
from convexplain.models.editing import Editor, Passage
from convexplain.text.segmentation import segment
from convexplain.types import Unit

from .clauses import without_clauses
from .kind import EditorKind, EditorResources
from .mending import in_code, without_sentence

VERSION = 2  # of the rules

_MARKS = ("|", "#")  # of lines that stay whole: rows of a table, headings


class DeletionEditor:
    """Proposes a turn without the passage, then without each of its clauses and phrases, longest first.

    Of a passage that is a whole turn it proposes the turn without all that the judge's reason quotes from it. It needs
    no model.
    """

    name = "delete"
    fingerprint = f"delete-editor-{VERSION}"
    error = ""

    async def prepare(self) -> None:
        """Do nothing: there is nothing to load."""

    async def propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        """Return for each passage at most k shorter texts of its turn."""
        return [_proposals(passage, k) for passage in passages]

    async def aclose(self) -> None:
        """Do nothing: nothing is held."""


def deletions(text: str, unit: Unit) -> Iterator[str]:
    """Yield the text without the sentence, then without each clause or phrase of it; longest deletion first.

    The white space behind the sentence may belong to the unit or not.
    """
    following = text[unit.end :]
    unit = replace(unit, end=unit.end + len(following) - len(following.lstrip()))
    shorter = without_sentence(text, unit)
    if shorter is not None:
        yield shorter
    if in_code(text, unit.start) or unit.of(text).lstrip().startswith(_MARKS):
        return
    for sentence in without_clauses(unit.of(text)):
        yield text[: unit.start] + sentence + text[unit.end :]


def without_quoted(text: str, reason: str) -> str:
    """Return a text without the words that a judge's reason quotes from it: without their clauses or sentences.

    The shortest clause goes that has all of a sentence's quoted words, else the sentence. Empty where the reason quotes
    nothing of the text, where nothing else is left, or where a quote runs over several sentences.
    """
    quotes = [quote.casefold() for quote in quoted_faults(reason) if quote.casefold() in text.casefold()]
    if not quotes:
        return ""

    def has_quote(part: str) -> bool:
        return any(quote in part.casefold() for quote in quotes)

    remaining = text
    for unit in reversed(segment(text, "sentence")):
        if has_quote(unit.of(text)):
            shorter = [sentence for sentence in without_clauses(unit.of(text)) if not has_quote(sentence)]
            sentence = max(shorter, key=len, default="")
            if sentence:
                remaining = remaining[: unit.start] + sentence + remaining[unit.end :]
            else:
                remaining = without_sentence(remaining, unit) or ""
            if not remaining:
                return ""
    return "" if has_quote(remaining) else remaining


def _proposals(passage: Passage, k: int) -> list[str]:
    text = passage.turns[passage.unit.turn].content
    whole = passage.unit.level == "turn"
    shorter_texts = [without_quoted(text, passage.reason)] if whole else deletions(text, passage.unit)
    barred = {text, *passage.refused}
    texts = (shorter for shorter in shorter_texts if shorter not in barred and shorter.strip())
    return list(islice(dict.fromkeys(texts), k))


def _make(target: str, resources: EditorResources) -> Editor:
    return DeletionEditor()


DELETE = EditorKind("delete", "The turn without a sentence, or without a clause or phrase of it.", make=_make)
