"""How far a judge's score moves for no reason: the noise floor, against which every difference is held."""

import asyncio
import random
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from convexplain.analysis.pipeline import TurnJudge
from convexplain.errors import UsageError
from convexplain.text.segmentation import segment
from convexplain.types import Conversation, Judgement, Rubric, Turn

MIN_TURNS = 20
_LABEL = re.compile(r"^(system|user|assistant|tool): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that means nothing: to what the turns say, to the rubric, or to the prompt's text. It has a name."""

    name: str
    content: Callable[[Turn, int], str] = lambda turn, place: turn.content
    rubric: Callable[[Rubric], Rubric] = lambda rubric: rubric
    prompt: Callable[[str], str] | None = None


def _each(edit: Callable[[str], str]) -> Callable[[Turn, int], str]:
    return lambda turn, place: edit(turn.content)


def _between_sentences(gap: str) -> Callable[[Turn, int], str]:
    return _each(lambda text: gap.join(unit.of(text).strip() for unit in segment(text, "sentence")))


def _labels(form: Callable[[str], str]) -> Callable[[str], str]:
    return lambda prompt: _LABEL.sub(lambda found: form(found[1]), prompt)


def _order(by: int, *, backwards: bool = False) -> Callable[[Rubric], Rubric]:
    def change(rubric: Rubric) -> Rubric:
        given = rubric.examples[::-1] if backwards else rubric.examples
        return replace(rubric, examples=(*given[by:], *given[:by]))

    return change


def _opening(phrase: str) -> Callable[[Turn, int], str]:
    return lambda turn, place: f"{phrase} {turn.content}" if place == 0 else turn.content


_OTHER_NAMES = {"system": "System", "user": "Human", "assistant": "AI", "tool": "Tool"}

CHANGES = (
    Change("white space: a space after each turn", _each(lambda text: text + " ")),
    Change("white space: each turn on a line of its own", _each(lambda text: "\n" + text)),
    Change("white space: an indented beginning", _each(lambda text: "  " + text)),
    Change("white space: two spaces between sentences", _between_sentences("  ")),
    Change("white space: a line for each sentence", _between_sentences("\n")),
    Change("white space: a double space after the first word", _each(lambda text: text.replace(" ", "  ", 1))),
    Change("speaker labels: User", prompt=_labels(lambda role: f"{role.capitalize()}: ")),
    Change("speaker labels: USER", prompt=_labels(lambda role: f"{role.upper()}: ")),
    Change("speaker labels: Human and AI", prompt=_labels(lambda role: f"{_OTHER_NAMES[role]}: ")),
    Change("speaker labels: [user]", prompt=_labels(lambda role: f"[{role}] ")),
    Change("quotation marks: around each turn", _each(lambda text: f'"{text}"')),
    Change("quotation marks: typographic around each turn", _each(lambda text: f"“{text}”")),
    Change("quotation marks: typographic apostrophes", _each(lambda text: text.replace("'", "’"))),
    Change("order of the examples: rotated by one", rubric=_order(1)),
    Change("order of the examples: rotated by two", rubric=_order(2)),
    Change("order of the examples: backwards", rubric=_order(0, backwards=True)),
    Change("order of the examples: backwards, rotated by one", rubric=_order(1, backwards=True)),
    Change("opening phrase: Hello.", _opening("Hello.")),
    Change("opening phrase: Good day,", _opening("Good day,")),
    Change("opening phrase: Hi there!", _opening("Hi there!")),
)


def _reworded(old: str, new: str) -> Callable[[Rubric], Rubric]:
    """The requirement and the criteria in other words."""

    def change(rubric: Rubric) -> Rubric:
        labels = tuple(replace(label, criterion=label.criterion.replace(old, new)) for label in rubric.labels)
        return replace(rubric, requirement=rubric.requirement.replace(old, new), labels=labels)

    return change


def _shuffled(seed: int) -> Callable[[Rubric], Rubric]:
    def change(rubric: Rubric) -> Rubric:
        examples = list(rubric.examples)
        random.Random(seed).shuffle(examples)  # noqa: S311 - an order of examples, no secret
        return replace(rubric, examples=tuple(examples))

    return change


UNCHANGED = Change("as it is")

REWORDED = (
    Change("rubric in other words: reply", rubric=_reworded("response", "reply")),
    Change("rubric in other words: answer", rubric=_reworded("response", "answer")),
    Change("rubric in other words: ought to", rubric=_reworded("should", "ought to")),
    Change(
        "rubric in other words: the labels the other way round",
        rubric=lambda one: replace(one, labels=one.labels[::-1]),
    ),
)
"""The rubric in other words."""


def further(seed: int = 0) -> tuple[Change, ...]:
    """Changes that `judge-noise` looks at besides. The noise floor is that of the 20 `CHANGES` alone.

    Args:
        seed: of the orders that examples are shuffled into.
    """
    return (*(Change(f"examples: shuffled, {i}", rubric=_shuffled(2 * seed + i)) for i in (1, 2)), *REWORDED)


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """How far changes that mean nothing move a judge's score on a rubric.

    Attributes:
        model, rubric: the judge and the maxim.
        value: 95th percentile of |score - score before|, in [0, 1]; a smaller difference may well be noise.
        turns: judged turns that were scored unchanged.
        n: scored pairs of a turn and a change that changed its prompt.
        unscored: pairs without a score, or with scores measured in different ways.
        by_change: each change's mean |difference|, for those that had at least one pair.
        spread: the standard deviation of a turn's scores under all changes, the mean over turns.
        flips: share of all pairs whose sides of the threshold differ.
        unsure: share of the turns that change side under at least one change.
        again: of a judge that draws samples, the mean |difference| of two measurements of the very same; else None.
        threshold: the rubric's, which `flips` and `unsure` are about.
    """

    model: str
    rubric: str
    value: float
    turns: int
    n: int
    unscored: int
    by_change: Mapping[str, float]
    spread: float = 0.0
    flips: float = 0.0
    unsure: float = 0.0
    again: float | None = None
    threshold: float = 0.5

    @property
    def band(self) -> tuple[float, float]:
        """Between which scores the judge cannot tell the sides of the threshold apart."""
        return max(0.0, self.threshold - self.value), min(1.0, self.threshold + self.value)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the band's ends as JSON values."""
        low, high = self.band
        return {**asdict(self), "low": low, "high": high}


async def noise_floor(
    judge_with: Callable[[Callable[[str], str] | None], TurnJudge],
    model: str,
    rubric: Rubric,
    turns: Iterable[tuple[Conversation, int]],
    further: Sequence[Change] = (),
    on_change: Callable[[], None] = lambda: None,
) -> NoiseFloor:
    """Judges every turn as it is and under each of the 20 `CHANGES`.

    Args:
        judge_with: returns the judge whose prompts a function rewords, or with None the judge as it is; it makes 21
            judgements a turn.
        model: the name of the judge's model.
        rubric: what is judged.
        turns: at least 20 conversations with the index of the turn that is judged.
        further: changes that are looked at besides; they count in everything but `value` and `n`.
        on_change: called after each change.

    Raises:
        UsageError: fewer than 20 turns could be scored.
        UnavailableError: the model is gone.
    """
    chosen = list(turns)

    def judge(change: Change) -> TurnJudge:
        return judge_with(change.prompt)

    given = await _judged(judge, rubric, chosen, UNCHANGED)
    pairs = [(talk, before) for talk, before in zip(chosen, given, strict=True) if before.score is not None]
    if len(pairs) < MIN_TURNS:
        raise UsageError(
            f"turns: {len(pairs)} of {len(chosen)} could be scored; a noise floor needs at least {MIN_TURNS}"
        )
    found: dict[str, list[float]] = {}
    scores = {i: [before.score or 0.0] for i, (_, before) in enumerate(pairs)}
    unscored = 0
    for change in (*CHANGES, *further):  # one after the other: prompts that begin alike follow each other
        judged = await _judged(judge, rubric, [talk for talk, _ in pairs], change)
        on_change()
        for i, ((_, before), after) in enumerate(zip(pairs, judged, strict=True)):
            if after.prompt_sha == before.prompt_sha:
                continue  # it changed nothing: not every turn has an apostrophe
            if after.score is None or before.score is None or after.evidence.kind != before.evidence.kind:
                unscored += 1  # two ways of measuring differ by more than noise
            else:
                found.setdefault(change.name, []).append(abs(after.score - before.score))
                scores[i].append(after.score)
    counted = {change.name for change in CHANGES}
    every = [difference for name, some in found.items() if name in counted for difference in some]
    if len(every) < MIN_TURNS:
        raise UsageError(f"turns: only {len(every)} of their changed prompts could be scored")
    means = {name: statistics.fmean(some) for name, some in found.items()}
    value = statistics.quantiles(every, n=20, method="inclusive")[-1]
    sides = [
        [(score < rubric.threshold) != (some[0] < rubric.threshold) for score in some[1:]] for some in scores.values()
    ]
    flips = [flip for some in sides for flip in some]
    return NoiseFloor(
        model,
        rubric.id,
        value,
        len(pairs),
        len(every),
        unscored,
        means,
        spread=statistics.fmean(statistics.pstdev(some) for some in scores.values()),
        flips=sum(flips) / len(flips),
        unsure=sum(map(any, sides)) / len(sides),
        again=await _again(judge(UNCHANGED), rubric, pairs),
        threshold=rubric.threshold,
    )


async def _again(
    judge: TurnJudge, rubric: Rubric, pairs: Sequence[tuple[tuple[Conversation, int], Judgement]]
) -> float | None:
    """How far two measurements of the very same lie apart, where samples are drawn."""
    sampled = [(talk, before) for talk, before in pairs if before.evidence.kind == "samples"]
    if not sampled:
        return None
    second = await asyncio.gather(*(judge.judge_turn(talk, turn, rubric, 1) for (talk, turn), _ in sampled))
    known = [
        abs(after.score - before.score)
        for (_, before), after in zip(sampled, second, strict=True)
        if after.score is not None and before.score is not None
    ]
    return statistics.fmean(known) if known else None


async def _judged(
    judge: Callable[[Change], TurnJudge], rubric: Rubric, turns: Sequence[tuple[Conversation, int]], change: Change
) -> list[Judgement]:
    judging, changed = judge(change), change.rubric(rubric)
    return list(
        await asyncio.gather(*(judging.judge_turn(_changed(talk, change), turn, changed) for talk, turn in turns))
    )


def _changed(talk: Conversation, change: Change) -> Conversation:
    turns = (replace(turn, content=change.content(turn, place)) for place, turn in enumerate(talk.turns))
    return replace(talk, turns=tuple(turns))
