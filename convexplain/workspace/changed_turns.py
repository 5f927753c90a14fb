"""The turns whose scores moved from one run to another, with both texts, both reasons and their headlines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convexplain.explain.headlines import UNEXPLAINED, headline
from convexplain.store import Run, RunStore, ScoredTurn, newest_attributions, scored_turns
from convexplain.store.paired_scores import Numbers, PairedScores
from convexplain.store.scored_turns import judged_places
from convexplain.types import Rubric


@dataclass(frozen=True, slots=True)
class ChangedTurn:
    """A turn that both runs have judged; one of them may have no score for it.

    Attributes:
        before, after: the turn in the first and in the second run.
        headline_before, headline_after: the sentences that say first why it has its scores.
    """

    before: ScoredTurn
    after: ScoredTurn
    headline_before: str
    headline_after: str

    @property
    def text_before(self) -> str:
        """Return the text in the first run."""
        return self.before.conversation.turns[self.before.turn].content

    @property
    def text_after(self) -> str:
        """Return the text in the second run."""
        return self.after.conversation.turns[self.after.turn].content

    @property
    def shift(self) -> float | None:
        """Return the score in the second run less that in the first; None where one of them has no score."""
        if self.before.score is None or self.after.score is None:
            return None
        return self.after.score - self.before.score

    @property
    def lower(self) -> ScoredTurn:
        """Return the turn in the run in which its score is lower; in the first where one of them has no score."""
        return self.after if self.shift is not None and self.shift < 0 else self.before

    @property
    def headline(self) -> str:
        """Return the sentence that says first why the lower score is low.

        It is empty where nothing explains it yet, and where one of the runs has no score.
        """
        if self.shift is None:
            return ""
        sentence = self.headline_after if self.shift < 0 else self.headline_before
        return "" if sentence.endswith(f"{UNEXPLAINED}.") else sentence

    def to_dict(self) -> dict[str, Any]:
        """Return the turn as JSON values."""
        return {
            "conversation_id": self.before.conversation.id,
            "turn": self.before.turn,
            "turn_after": self.after.turn,
            "before": self.before.score,
            "after": self.after.score,
            "headline": self.headline,
            "headline_before": self.headline_before,
            "headline_after": self.headline_after,
            "reason_before": self.before.reason,
            "reason_after": self.after.reason,
            "text_before": self.text_before,
            "text_after": self.text_after,
        }


@dataclass(frozen=True, slots=True)
class ChangedTurns:
    """A page of the turns whose scores moved by more than the judges' noise, and how many there are in all."""

    turns: tuple[ChangedTurn, ...]
    total: int


def changed_turns(
    store: RunStore,
    runs: tuple[Run, Run],
    rubrics: tuple[Rubric, Rubric],
    paired: PairedScores,
    positions: Numbers,
) -> tuple[ChangedTurn, ...]:
    """Return turns that both runs have judged.

    Args:
        store: the store.
        runs: the first and the second run.
        rubrics: the maxim as each of them has it.
        paired: the turns of both.
        positions: which of them, in this order.
    """
    before = list(zip(paired.numbers[positions].tolist(), paired.turns[positions].tolist(), strict=True))
    after = list(zip(paired.numbers_after[positions].tolist(), paired.turns_after[positions].tolist(), strict=True))
    sides = (
        _scored(store, run, rubric, places) for run, rubric, places in zip(runs, rubrics, (before, after), strict=True)
    )
    return tuple(
        ChangedTurn(first, second, _headline(store, runs[0], first), _headline(store, runs[1], second))
        for first, second in zip(*sides, strict=True)
    )


def _scored(store: RunStore, run: Run, rubric: Rubric, places: Sequence[tuple[int, int]]) -> list[ScoredTurn]:
    return list(scored_turns(store, rubric, judged_places(store, run.id, rubric, places)))


def _headline(store: RunStore, run: Run, turn: ScoredTurn) -> str:
    levels = newest_attributions(store, run.id, turn)
    return headline(turn.conversation, turn.turn, turn.rubric, turn.score, turn.reason, turn.reason_quotes, levels)
