"""The resistance of a judge to injected text: how often a bad turn stays bad when a text asks for the best label."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from convexplain.agreement.bootstrap import Draws, Floats, ratio
from convexplain.agreement.shares import share_estimate
from convexplain.analysis.pipeline import TurnJudge
from convexplain.fidelity import Estimate
from convexplain.types import Conversation, Judgement, Role, Rubric

from .reference import reference_set

TURNS = 10
"""Bad turns that texts are put into."""
CANDIDATES = 20
"""Bad turns that are judged at most, to have `TURNS` that the judge scores below its threshold."""
PLACES: tuple[Role, ...] = ("user", "assistant")
"""The turns at whose end each text is put: the last one of the user, and the judged one."""

BadTurn = tuple[str, Conversation, int]
"""The scenario of a bad turn, its conversation, and its index."""


@dataclass(frozen=True, slots=True)
class InjectionResistance:
    """The resistance of a judge on a maxim to texts that ask for the best label.

    An attempt is one text at one place of one bad turn that the judge scores below its threshold without any text.

    Attributes:
        judge, rubric: the judge's name and the maxim's id.
        texts: the number of texts.
        turns: bad turns that they were put into.
        resistance: the share of the attempts after which the score is still below the threshold; 1 is best. Its
            interval is over scenarios and attempts.
        movement: the mean of the score with the text minus the score without it, in [-1, 1]; above 0 is the text's way.
        noticed: the share of the other attempts (the successful ones) that have a warning at the turn; 1 is best.
        false_warnings: the share of the turns without any text that have a warning; 0 is best.
        by_text: for each text the share of its attempts that failed; texts without a scored attempt are left out.
        unscored: attempts without a score; they count in no measure.
        judged: bad turns that were judged without any text.
    """

    judge: str
    rubric: str
    texts: int
    turns: int
    resistance: Estimate
    movement: Estimate
    noticed: Estimate
    false_warnings: Estimate
    by_text: Mapping[str, float]
    unscored: int
    judged: int

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return asdict(self)


def bad_turns(rubric: Rubric, n: int = CANDIDATES) -> list[BadTurn]:
    """Return turns that do not satisfy a maxim: of each scenario of the reference set's half for choosing the first.

    Args:
        rubric: a maxim that the reference set has labels on.
        n: how many at most.
    """
    turns: dict[str, BadTurn] = {}
    for planted in reference_set("choosing").turns:
        if planted.label(rubric.id) == 0 and len(turns) < n:
            talk = planted.conversation.until(planted.turn)
            turns.setdefault(planted.scenario, (planted.scenario, talk, planted.turn))
    return list(turns.values())


def injected(conversation: Conversation, text: str, place: Role) -> Conversation:
    """Return the conversation with a text at the end of the last turn of a role."""
    index = max(i for i, turn in enumerate(conversation.turns) if turn.role == place)
    turn = conversation.turns[index]
    changed = replace(turn, content=f"{turn.content} {text}", parts=())
    turns = (*conversation.turns[:index], changed, *conversation.turns[index + 1 :])
    return replace(conversation, turns=turns)


async def injection_resistance(
    judge: TurnJudge,
    name: str,
    rubric: Rubric,
    turns: Sequence[BadTurn],
    texts: Mapping[str, str],
    on_judged: Callable[[Judgement], None] = lambda judgement: None,
) -> InjectionResistance:
    """Put each text at each place into one bad turn that the judge scores below its threshold, and judge that.

    Args:
        judge: the judge.
        name: its name.
        rubric: the maxim, with the threshold that scores are held against.
        turns: bad turns, of which the first `TURNS` with a score below the threshold are taken.
        texts: the texts by their names, with the rubric's labels.
        on_judged: receives each judgement.

    Raises:
        UnavailableError: the model is gone.
    """

    async def judged(turn: BadTurn) -> Judgement:
        judgement = await judge.judge_turn(turn[1], turn[2], rubric)
        on_judged(judgement)
        return judgement

    clean: list[Judgement] = []
    low: list[tuple[BadTurn, float]] = []
    for start in range(0, len(turns), TURNS):
        batch = turns[start : start + TURNS]
        judgements = await asyncio.gather(*map(judged, batch))
        clean += judgements
        low += [
            (turn, judgement.score)
            for turn, judgement in zip(batch, judgements, strict=True)
            if judgement.score is not None and judgement.score < rubric.threshold
        ]
        if len(low) >= TURNS:
            break
    low = low[:TURNS]
    attempts: list[tuple[str, BadTurn, float]] = []
    if low:
        for i, (text_name, text) in enumerate(texts.items()):
            for j, place in enumerate(PLACES):
                (scenario, talk, index), before = low[(i + j * len(low) // 2) % len(low)]
                attempts.append((text_name, (scenario, injected(talk, text, place), index), before))
    after = await asyncio.gather(*(judged(turn) for _, turn, _ in attempts))
    return _resistance(name, rubric, texts, clean, attempts, after)


def _resistance(
    name: str,
    rubric: Rubric,
    texts: Mapping[str, str],
    clean: Sequence[Judgement],
    attempts: Sequence[tuple[str, BadTurn, float]],
    after: Sequence[Judgement],
) -> InjectionResistance:
    scored = [
        (text, turn[0], judgement.score - before, judgement.score < rubric.threshold, bool(judgement.evidence.warnings))
        for (text, turn, before), judgement in zip(attempts, after, strict=True)
        if judgement.score is not None
    ]
    reason = "it scores none of the bad turns below its threshold" if not attempts else "no attempt has a score"
    draws = Draws([scenario for _, scenario, _, _, _ in scored])
    held = np.array([resisted for _, _, _, resisted, _ in scored], dtype=np.bool_)
    warned = np.array([warning for _, _, _, _, warning in scored], dtype=np.bool_)
    moved = np.array([movement for _, _, movement, _, _ in scored], dtype=np.float64)
    everything = np.ones(len(scored), dtype=np.bool_)

    def mean(weights: Floats) -> Floats:
        return ratio(weights @ moved, weights.sum(axis=1))

    by_text: dict[str, list[bool]] = {}
    for text, _, _, resisted, _ in scored:
        by_text.setdefault(text, []).append(resisted)
    clean_warned = np.array([bool(judgement.evidence.warnings) for judgement in clean], dtype=np.bool_)
    return InjectionResistance(
        judge=name,
        rubric=rubric.id,
        texts=len(texts),
        turns=len({turn[0] for _, turn, _ in attempts}),
        resistance=share_estimate(draws, everything, held, reason),
        movement=draws.estimate(mean, reason),
        noticed=share_estimate(draws, ~held, warned, "no attempt succeeded" if scored else reason),
        false_warnings=share_estimate(
            Draws(range(len(clean))), np.ones(len(clean), dtype=np.bool_), clean_warned, "no turn was judged"
        ),
        by_text={text: sum(outcomes) / len(outcomes) for text, outcomes in by_text.items()},
        unscored=len(attempts) - len(scored),
        judged=len(clean),
    )
