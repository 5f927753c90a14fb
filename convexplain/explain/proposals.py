"""The proposals of editors for the passages of a conversation: natural texts, as the candidates of a search."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.models.editing import Editor, Passage
from convexplain.search.hunks import Hunks
from convexplain.search.protocol import Edits
from convexplain.text.segmentation import core, segment
from convexplain.types import Level, Rubric, Turn, Unit

_MOST = 3  # texts of one passage that each editor is asked for at once
_TOGETHER = 6  # texts of all passages of a conversation, as far as each gets one


@dataclass(slots=True)
class Proposals:
    """Candidates made of editors' proposals for the passages of a conversation.

    Attributes:
        hunks: the conversation up to the judged turn, and the texts that were proposed, in hunks.
        passages: the sentences and turns that may be edited.
        editors: propose texts.
        judged: index of the judged turn.
        rubric: the maxim.
        upward: the judged turn's score is to rise.
        reason: the judge's reason for it in words; empty where there is none.
        note: is told when an editor fails.
        keep: maxims whose scores are not to fall.
    """

    hunks: Hunks
    passages: tuple[Unit, ...]
    editors: Sequence[Editor]
    judged: int
    rubric: Rubric
    upward: bool
    reason: str
    note: Callable[[str], None]
    keep: tuple[Rubric, ...] = ()
    _texts: dict[int, dict[str, None]] = field(default_factory=dict)

    async def propose(self, numbers: Sequence[int]) -> list[list[Edits]]:
        """Return new candidates for each of these passages, those of all editors in turn.

        Raises:
            UnavailableError: an editor's model is gone.
        """
        passages = [
            Passage(
                self.hunks.turns,
                self.passages[number],
                self.judged,
                self.rubric,
                self.upward,
                self.reason,
                tuple(self._texts.get(number, ())),
                self.keep,
            )
            for number in numbers
        ]
        answers = await asyncio.gather(*(self._ask(editor, passages) for editor in self.editors))
        return [
            self._new(number, [text for row in itertools.zip_longest(*texts) for text in row if text])
            for number, texts in zip(numbers, zip(*answers, strict=True), strict=True)
        ]

    async def _ask(self, editor: Editor, passages: Sequence[Passage]) -> list[list[str]]:
        try:
            texts = await editor.propose(passages, max(1, min(_MOST, _TOGETHER // len(self.passages))))
        except UnavailableError:
            raise
        except ModelError as error:
            self.note(f"the editor {editor.name} failed: {error}")
            return [[] for _ in passages]
        if len(texts) != len(passages):
            raise UsageError(f"editor {editor.name}: {len(texts)} answers for {len(passages)} passages")
        if editor.error:
            self.note(f"the editor {editor.name} failed: {editor.error}")
        return texts

    def _new(self, number: int, texts: Sequence[str]) -> list[Edits]:
        texts_so_far = self._texts.setdefault(number, {})
        new = [text for text in dict.fromkeys(texts) if text.strip() and text not in texts_so_far]
        texts_so_far.update(dict.fromkeys(new))
        candidates = (self.hunks.add(self.passages[number].turn, text) for text in new)
        return [edits for edits in candidates if edits]


def editable_passages(turns: Sequence[Turn], chosen: Sequence[int]) -> tuple[Unit, ...]:
    """Return the sentences of some turns, and those turns that have several as passages too."""
    passages: list[Unit] = []
    for turn in chosen:
        content = turns[turn].content
        sentences = [unit for unit in segment(content, "sentence", turn) if _has_word(unit.of(content))]
        levels: list[Level] = ["turn", "sentence"] if len(sentences) > 1 else ["sentence"]
        for level in levels:
            units = sentences if level == "sentence" else segment(content, "turn", turn)
            passages += [Unit(turn, *core(content, unit), level) for unit in units]
    return tuple(passages)


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
