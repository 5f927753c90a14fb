"""The scores of a turn as it is, and with other words in its place or in turns before it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from convexplain.errors import UsageError
from convexplain.explain.wording import movement
from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.text.visible import one_line
from convexplain.types import Conversation, Judgement, Rubric

from .results import Judgements, data_frame
from .trust import Trust

_ROUNDING = 1e-9
_SHOWN = 0.005  # a smaller change is shown as none


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """The scores of a turn on one maxim, as it is and with other words.

    Attributes:
        rubric: the maxim, with the judge's threshold.
        before, after: the judgements.
        trust: in the judge on that maxim.
        noise: a smaller difference between two scores of this judge may be noise; None where it was not measured.
    """

    rubric: Rubric
    before: Judgement
    after: Judgement
    trust: Trust
    noise: float | None = None

    @property
    def mark(self) -> TrustMark:
        """Return how far the scores are to be trusted."""
        return trust_mark(self.trust)

    @property
    def change(self) -> float | None:
        """Return the score after minus the score before, in [-1, 1], positive = better; None where one is missing."""
        if self.before.score is None or self.after.score is None:
            return None
        return self.after.score - self.before.score

    @property
    def is_noise(self) -> bool:
        """Return True where the change is less than the judge's measured noise."""
        return self.change is not None and self.noise is not None and abs(self.change) < self.noise - _ROUNDING

    @property
    def tells_better(self) -> bool:
        """Return True where the change tells which text is better: it is shown, and not less than the noise."""
        return self.change is not None and abs(self.change) >= _SHOWN and not self.is_noise

    def to_dict(self) -> dict[str, Any]:
        """Return the scores with what says how far they count, as JSON values."""
        return {
            "rubric": self.rubric.id,
            "before": self.before.score,
            "after": self.after.score,
            "change": self.change,
            "threshold": self.rubric.threshold,
            "noise": self.noise,
            "trust": self.mark.word,
        }

    def __str__(self) -> str:
        name = f"{self.rubric.id} ({self.mark.word})"
        if self.change is None:
            unscored, place = (self.before, "before") if self.before.score is None else (self.after, "after")
            scores = movement(self.before.score, self.after.score)
            return f"{name}: {scores}, no score {place} ({one_line(unscored.reason or 'the judge gave none')})"
        remarks = [f"{self.change:+.2f}".replace("-", "−") if abs(self.change) >= _SHOWN else "no change"]
        remarks += [f"less than the judge's noise of {self.noise:.2f}"] if self.is_noise else []
        sides = [(score or 0.0) < self.rubric.threshold for score in (self.before.score, self.after.score)]
        if self.mark.flags and sides[0] != sides[1]:
            remarks.append(f"now {'below' if sides[1] else 'not below'} the threshold of {self.rubric.threshold:g}")
        return f"{name}: {movement(self.before.score, self.after.score)} ({', '.join(remarks)})"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The scores of a turn as it is, and after edits of it or of turns before it, on several maxims.

    Attributes:
        conversation: the conversation as it is, up to the turn, or all of it where a maxim judges the conversation.
        turn: the index of the judged turn.
        text: its words after the edits.
        changes: the scores, one for each maxim.
        edits: the texts that stand in the place of turns, by their indices.
    """

    conversation: Conversation
    turn: int
    text: str
    changes: tuple[ScoreChange, ...]
    edits: Mapping[int, str] = field(default_factory=dict, hash=False)

    @property
    def edited(self) -> Conversation:
        """Return the conversation with the edits."""
        return with_texts(self.conversation, self.turn, self.edits)

    @property
    def before(self) -> Judgements:
        """Return the judgements of the turn as it is, one for each maxim."""
        return Judgements(change.before for change in self.changes)

    @property
    def after(self) -> Judgements:
        """Return the judgements with the text in the turn's place, one for each maxim."""
        return Judgements(change.after for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the place, both texts, the changes and all judgements as JSON values."""
        return {
            "conversation_id": self.conversation.id,
            "turn": self.turn,
            "content": self.conversation.turns[self.turn].content,
            "text": self.text,
            "edits": {str(turn): text for turn, text in sorted(self.edits.items())},
            "changes": [change.to_dict() for change in self.changes],
            "before": [asdict(judgement) for judgement in self.before],
            "after": [asdict(judgement) for judgement in self.after],
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each maxim.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(self._rows())

    def __str__(self) -> str:
        earlier = [turn for turn in sorted(self.edits) if turn != self.turn]
        places = f" in turn{'s' if len(self.edits) > 1 else ''} {', '.join(map(str, sorted(self.edits)))}"
        head = f"{one_line(self.conversation.id)}, turn {self.turn}, with other words{places if earlier else ''}:"
        return "\n".join([head, *(f"  {change}" for change in self.changes)])

    def _rows(self) -> Iterator[dict[str, Any]]:
        for change in self.changes:
            place = {"conversation_id": self.conversation.id, "turn": self.turn}
            yield {**place, **change.to_dict(), "judge": change.after.model}


def with_texts(conversation: Conversation, turn: int, edits: Mapping[int, str]) -> Conversation:
    """Return the conversation with texts in the place of turns.

    Args:
        conversation: the conversation.
        turn: index of the judged turn, an assistant's.
        edits: the texts by the indices of their turns.

    Raises:
        UsageError: there is no assistant turn at that index, an edit lies after it, or a text is blank.
    """
    if not 0 <= turn < len(conversation.turns) or conversation.turns[turn].role != "assistant":
        raise UsageError(f"turn={turn} is not valid: conversation {conversation.id!r} has no assistant turn there")
    turns = list(conversation.turns)
    for place, text in edits.items():
        if not 0 <= place <= turn:
            raise UsageError(f"edits={place} is not valid; turns 0 to {turn} can be edited, for turn {turn} is judged")
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"text={text!r} is not valid; it must be the words in the place of turn {place}")
        turns[place] = replace(turns[place], content=text)
    return replace(conversation, turns=tuple(turns))
