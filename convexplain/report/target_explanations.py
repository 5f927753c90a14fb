"""Explanations of parts of a reply (targets): the value of each, and the words and turns on which it depends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convexplain.explain.strongest_units import UnitEffect, earlier_turn_effects, reply_effects
from convexplain.explain.wording import counted
from convexplain.store import RunStore, ScoredTurn
from convexplain.store.attributions import target_attributions
from convexplain.types import Attribution, Conversation

from .pair_pictures import PairPicture, pair_pictures

NO_TARGET_EFFECTS = "No word of it and no earlier turn changes that by more than the judge's noise."


@dataclass(frozen=True, slots=True)
class TargetEffect:
    """An effect on the value of a target.

    Attributes:
        place: where the text stands, in words.
        text: the words of the target, or the earlier turn.
        verb: `raises` or `lowers`.
        outcome: the value without it, in words.
    """

    place: str
    text: str
    verb: str
    outcome: str


@dataclass(frozen=True, slots=True)
class TargetExplanation:
    """The explanation of a part of a reply.

    Attributes:
        target: the part.
        outcome: its value, how it came about, and what it cost.
        effects: the strongest effects beyond noise, those of its own words first.
        pairs: parts that count together.
        notes: remarks.
    """

    target: str
    outcome: str
    effects: Sequence[TargetEffect]
    pairs: Sequence[PairPicture]
    notes: Sequence[str]


def target_explanations(store: RunStore, run: int, turn: ScoredTurn) -> list[TargetExplanation]:
    """Return the explanations of the parts of a turn's reply, the newest first; empty where none was explained."""
    return [_explanation(turn.conversation, levels) for levels in target_attributions(store, run, turn)]


def _explanation(conversation: Conversation, levels: Sequence[Attribution]) -> TargetExplanation:
    notes = dict.fromkeys(note for level in levels for note in level.notes)
    effects = list(_effects(conversation, levels))
    pairs = pair_pictures(conversation, levels)
    return TargetExplanation(levels[0].target, _outcome(levels), effects, pairs, list(notes))


def _outcome(levels: Sequence[Attribution]) -> str:
    coarsest = levels[0]
    cost = f"{coarsest.method}, {counted(sum(level.calls for level in levels), 'call')}"
    if coarsest.full is None:
        return f"not attributed; {cost}"
    if coarsest.score is None:
        return f"{coarsest.scalarizer} {coarsest.full:.3f} after all that stands before it; {cost}"
    return f"{coarsest.score:.2f} where it is judged alone, in the reply's place; {cost}"


def _effects(conversation: Conversation, levels: Sequence[Attribution]) -> Iterator[TargetEffect]:
    turn = levels[0].turn
    for effect in reply_effects(levels, turn):
        yield _effect(conversation, effect, "its words")
    for effect in earlier_turn_effects(levels, turn):
        place = effect.unit.turn
        yield _effect(conversation, effect, f"turn {place}, {conversation.turns[place].role}")


def _effect(conversation: Conversation, effect: UnitEffect, place: str) -> TargetEffect:
    text = effect.unit.of(conversation.turns[effect.unit.turn].content)
    return TargetEffect(place, text, "raises" if effect.effect > 0 else "lowers", effect.outcome)
