"""Explanations of one turn, in the form that a page shows: attribution lines and edited turns."""

from collections.abc import Sequence
from dataclasses import dataclass

from convexplain.explain.wording import counted, trade_off_scores
from convexplain.store import RunStore, ScoredTurn, newest_attributions, turn_contrasts
from convexplain.text.diffs import TextChange, shortened, word_diff
from convexplain.types import Attribution, Contrast, Conversation


@dataclass(frozen=True, slots=True)
class EditedTurn:
    """A turn that a contrast edits: its index, its role, and its text as a word difference."""

    turn: int
    role: str
    changes: Sequence[TextChange]


@dataclass(frozen=True, slots=True)
class TradeOff:
    """An edit that trades one maxim for another: its scores in words, the turns that it edits, and the new answer.

    The answer is empty where no responder gave one.
    """

    scores: str
    edited: Sequence[EditedTurn]
    answer: str


def explanation(store: RunStore, run: int, turn: ScoredTurn) -> tuple[list[Attribution], Contrast | None]:
    """Return a turn's newest attributions, one a level, and its newest contrast.

    If every search was without a contrast, the newest search is returned. Without explanations: an empty list, None.
    """
    return newest_attributions(store, run, turn), next(iter(turn_contrasts(store, run, turn)), None)


def edited_turns(conversation: Conversation, contrast: Contrast) -> list[EditedTurn]:
    """Return the turns that a contrast edits, as word differences without long unchanged passages.

    Of a search that found nothing, none: what it tried last is not worth reading.
    """
    if not contrast.found:
        return []
    turns = sorted({edit.unit.turn for edit in contrast.edits})
    return [_edited_turn(conversation, turn, contrast.turns[turn].content) for turn in turns]


def trade_offs(conversation: Conversation, contrast: Contrast) -> list[TradeOff]:
    """Return the edits that trade one maxim for another, that which moves the score furthest first."""
    return [
        TradeOff(
            trade_off_scores(contrast, point).replace("->", "→"),
            [_edited_turn(conversation, turn, text) for turn, text in point.texts],
            point.response if contrast.question == "regenerate" else "",
        )
        for point in contrast.pareto
    ]


def _edited_turn(conversation: Conversation, turn: int, text: str) -> EditedTurn:
    before = conversation.turns[turn]
    return EditedTurn(turn, before.role, shortened(word_diff(before.content, text)))


def attribution_outcome(levels: Sequence[Attribution], threshold: float) -> str:
    """Return the scores of a turn's attributions, in one line."""
    coarsest = levels[0]
    if coarsest.full is None or coarsest.score is None:
        return "Not attributed"
    without = coarsest.value_of(coarsest.baseline)
    alone = "" if without is None else f", {without:.2f} without any turn before it"
    return f"Score {coarsest.score:.2f} (threshold {threshold:g}){alone}"


def attribution_cost(levels: Sequence[Attribution]) -> str:
    """Return how a turn's attributions were measured, and with how many calls."""
    return f"method {levels[0].method}, {counted(sum(attribution.calls for attribution in levels), 'call')}"


def computation(levels: Sequence[Attribution], contrast: Contrast | None) -> list[str]:
    """Return how a turn's explanations were computed, for readers who check them: methods, costs and notes."""
    lines = []
    if levels:
        lines.append(f"Parts of the text: {attribution_cost(levels)}")
        lines += dict.fromkeys(note for level in levels for note in level.notes)
    if contrast is not None and contrast.found:
        lines += [f"Edit: search {contrast.search}, {counted(contrast.calls, 'call')}", *contrast.notes]
    return [f"{line[0].upper()}{line[1:]}." for line in map(str.strip, lines) if line]
