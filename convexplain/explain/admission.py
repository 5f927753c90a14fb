"""The admission of edited texts: those that read well and, where a score is to rise, can be a better answer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from convexplain.errors import ModelError
from convexplain.search.protocol import Edits
from convexplain.text.segmentation import segment
from convexplain.types import Rubric, Turn

from .facts import invented_fact
from .screening import Screen, Screening

_LEAST = 6  # words of a reply that was made much shorter, and would be better for it
_REMAINS = 0.6  # share of its words that remain in a reply that was made much shorter, at most


@dataclass(slots=True)
class Admission:
    """Admits or refuses the candidates of one search.

    Attributes:
        screen: says which texts read well.
        turns: the conversation before the edits.
        rubric: the maxim.
        upward: the score is to rise, so that no fact may be made up, and something must be left of the reply.
        note: is told when the screen's model fails.
        screenings: the verdict on each candidate.
    """

    screen: Screen
    turns: tuple[Turn, ...]
    rubric: Rubric
    upward: bool
    note: Callable[[str], None]
    screenings: dict[Edits, Screening] = field(default_factory=dict)

    async def admit(self, candidates: Sequence[Edits], edited: Sequence[tuple[Turn, ...]]) -> list[bool]:
        """Return which candidates are admitted, given the turns of each."""
        try:
            screenings = await self.screen.screen(self.turns, edited, self.rubric, whole_turns=self.upward)
        except ModelError as error:
            self.note(f"whether edits read well was checked by rules alone: {error}")
            screenings = await Screen().screen(self.turns, edited, self.rubric)
        for edits, turns, screening in zip(candidates, edited, screenings, strict=True):
            refusal = screening.refusal or (self._no_better(turns) if self.upward else "")
            self.screenings[edits] = replace(screening, refusal=refusal)
        return [not self.screenings[edits].refusal for edits in candidates]

    @property
    def refusals(self) -> str:
        """Return in words how many texts were refused, and the most usual reason; empty where none was."""
        refusals = Counter(screening.refusal for screening in self.screenings.values() if screening.refusal)
        if not refusals:
            return ""
        ((refusal, _),) = refusals.most_common(1)
        texts = "1 edited text was" if refusals.total() == 1 else f"{refusals.total()} edited texts were"
        why = refusal.rstrip(".")
        why = f"the text {why[3:]}" if why.startswith("It ") else f"{why[0].lower()}{why[1:]}"
        often = "" if refusals.total() == 1 else "most often "
        return f"{texts} refused, {often}because {why}"

    def _no_better(self, edited: Sequence[Turn]) -> str:
        """Return why an edit is no better answer whatever the judge says; empty where that cannot be said."""
        if invented := self._invented_fact(edited):
            return invented
        pairs = list(zip(self.turns, edited, strict=True))
        judged = [pair for pair in pairs if pair[0] != pair[1]] if self.rubric.of_conversation else pairs[-1:]
        for turns in judged:
            old, new = (len(segment(turn.content, "word")) for turn in turns)
            if new < _LEAST and new <= _REMAINS * old:
                return "Too little is left of the reply to be a better one."
        return ""

    def _invented_fact(self, edited: Sequence[Turn]) -> str:
        """Return the fact of an edited turn that stands nowhere before it; empty where there is none.

        What is gone is to be seen in the edit, and may be why the score rises; for training pairs it counts.
        """
        for i, (old, new) in enumerate(zip(self.turns, edited, strict=True)):
            if old.content != new.content:
                context = [turn.content for turn in self.turns[:i]]
                if invented := invented_fact(context, old.content, new.content):
                    return invented
        return ""
