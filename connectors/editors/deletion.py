"""Editing by deletion: a turn without a sentence, or without a clause or phrase of it, mended where they were."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from convexplain.models.editing import Editor, Passage
from convexplain.types import Unit

from .clauses import without_clauses
from .kind import EditorKind, EditorResources
from .mending import in_code, without_sentence

VERSION = 1  # of the rules

_MARKS = ("|", "#")  # of lines that stay whole: rows of a table, headings


class DeletionEditor:
    """Proposes a turn without the passage, then without each of its clauses and phrases, longest first.

    Of a passage that is a whole turn it proposes nothing. It needs no model.
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


def _proposals(passage: Passage, k: int) -> list[str]:
    if passage.unit.level == "turn":
        return []
    text = passage.turns[passage.unit.turn].content
    barred = {text, *passage.refused}
    texts = (shorter for shorter in deletions(text, passage.unit) if shorter not in barred and shorter.strip())
    return list(islice(dict.fromkeys(texts), k))


def _make(target: str, resources: EditorResources) -> Editor:
    return DeletionEditor()


DELETE = EditorKind("delete", "The turn without a sentence, or without a clause or phrase of it.", make=_make)
