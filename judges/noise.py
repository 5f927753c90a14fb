"""The noise floor of a judge: how far its score moves under changes without meaning."""

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
class PromptVariation:
    """A named change without meaning: to the text of the turns, to the rubric, or to the text of the prompt."""

    name: str
    content: Callable[[Turn, int], str] = lambda turn, index: turn.content
    rubric: Callable[[Rubric], Rubric] = lambda rubric: rubric
    prompt: Callable[[str], str] | None = None


def _every_turn(edit: Callable[[str], str]) -> Callable[[Turn, int], str]:
    return lambda turn, index: edit(turn.content)


def _between_sentences(gap: str) -> Callable[[Turn, int], str]:
    return _every_turn(lambda text: gap.join(unit.of(text).strip() for unit in segment(text, "sentence")))


def _labels(form: Callable[[str], str]) -> Callable[[str], str]:
    return lambda prompt: _LABEL.sub(lambda match: form(match[1]), prompt)


def _order(by: int, *, backwards: bool = False) -> Callable[[Rubric], Rubric]:
    def change(rubric: Rubric) -> Rubric:
        examples = rubric.examples[::-1] if backwards else rubric.examples
        return replace(rubric, examples=(*examples[by:], *examples[:by]))

    return change


def _opening(phrase: str) -> Callable[[Turn, int], str]:
    return lambda turn, index: f"{phrase} {turn.content}" if index == 0 else turn.content


_OTHER_NAMES = {"system": "System", "user": "Human", "assistant": "AI", "tool": "Tool"}

VARIATIONS = (
    PromptVariation("white space: a space after each turn", _every_turn(lambda text: text + " ")),
    PromptVariation("white space: each turn on a line of its own", _every_turn(lambda text: "\n" + text)),
    PromptVariation("white space: an indented beginning", _every_turn(lambda text: "  " + text)),
    PromptVariation("white space: two spaces between sentences", _between_sentences("  ")),
    PromptVariation("white space: a line for each sentence", _between_sentences("\n")),
    PromptVariation(
        "white space: a double space after the first word", _every_turn(lambda text: text.replace(" ", "  ", 1))
    ),
    PromptVariation("speaker labels: User", prompt=_labels(lambda role: f"{role.capitalize()}: ")),
    PromptVariation("speaker labels: USER", prompt=_labels(lambda role: f"{role.upper()}: ")),
    PromptVariation("speaker labels: Human and AI", prompt=_labels(lambda role: f"{_OTHER_NAMES[role]}: ")),
    PromptVariation("speaker labels: [user]", prompt=_labels(lambda role: f"[{role}] ")),
    PromptVariation("quotation marks: around each turn", _every_turn(lambda text: f'"{text}"')),
    PromptVariation("quotation marks: typographic around each turn", _every_turn(lambda text: f"“{text}”")),
    PromptVariation("quotation marks: typographic apostrophes", _every_turn(lambda text: text.replace("'", "’"))),
    PromptVariation("order of the examples: rotated by one", rubric=_order(1)),
    PromptVariation("order of the examples: rotated by two", rubric=_order(2)),
    PromptVariation("order of the examples: backwards", rubric=_order(0, backwards=True)),
    PromptVariation("order of the examples: backwards, rotated by one", rubric=_order(1, backwards=True)),
    PromptVariation("opening phrase: Hello.", _opening("Hello.")),
    PromptVariation("opening phrase: Good day,", _opening("Good day,")),
    PromptVariation("opening phrase: Hi there!", _opening("Hi there!")),
)


def _reworded(old: str, new: str) -> Callable[[Rubric], Rubric]:
    """Return a change that replaces words of the requirement and the criteria."""

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


_UNCHANGED = PromptVariation("as it is")

_REWORDED = (
    PromptVariation("rubric in other words: reply", rubric=_reworded("response", "reply")),
    PromptVariation("rubric in other words: answer", rubric=_reworded("response", "answer")),
    PromptVariation("rubric in other words: ought to", rubric=_reworded("should", "ought to")),
    PromptVariation(
        "rubric in other words: the labels the other way round",
        rubric=lambda rubric: replace(rubric, labels=rubric.labels[::-1]),
    ),
)


def extra_variations(seed: int = 0) -> tuple[PromptVariation, ...]:
    """Return variations that are measured beside the 20 `VARIATIONS`; they do not count in the noise floor.

    Args:
        seed: the seed of the shuffled orders of examples.
    """
    shuffled = (PromptVariation(f"examples: shuffled, {i}", rubric=_shuffled(2 * seed + i)) for i in (1, 2))
    return (*shuffled, *_REWORDED)


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """The noise floor of a judge on a rubric: how far changes without meaning move its scores.

    Attributes:
        model, rubric: the judge and the maxim.
        value: 95th percentile of |score - unchanged score|, in [0, 1], lower is better; a smaller difference may well
            be noise.
        turns: judged turns that have a score without any change.
        n: scored pairs of a turn and one of the 20 changes that changed its prompt.
        unscored: pairs without a score, or with scores measured in different ways.
        by_change: each change's mean |difference|, for those that had at least one pair.
        spread: the standard deviation of a turn's scores under all changes, the mean over turns.
        flips: share of all pairs whose scores lie on different sides of the threshold, in [0, 1]; lower is better.
        unsure: share of the turns that change side under at least one change, in [0, 1]; lower is better.
        again: for a judge that samples replies, the mean |difference| of two measurements of the same turn; else None.
        threshold: the threshold of the rubric.
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
        """Return the scores between which the judge cannot tell the sides of the threshold apart: low, high."""
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
    extra: Sequence[PromptVariation] = (),
    on_variation: Callable[[], None] = lambda: None,
) -> NoiseFloor:
    """Judge every turn unchanged and under each of the 20 `VARIATIONS`.

    Args:
        judge_with: returns the judge whose prompts a function rewords, or with None the unchanged judge; 21 judgements
            are made for each turn.
        model: the name of the judge's model.
        rubric: the rubric.
        turns: at least 20 conversations, each with the index of the judged turn.
        extra: further variations; they count in all fields but `value` and `n`.
        on_variation: called after each variation.

    Raises:
        UsageError: fewer than 20 turns could be scored.
        UnavailableError: the model is gone.
    """
    all_turns = list(turns)

    def judge(variation: PromptVariation) -> TurnJudge:
        return judge_with(variation.prompt)

    unchanged = await _judgements(judge, rubric, all_turns, _UNCHANGED)
    pairs = [(key, before) for key, before in zip(all_turns, unchanged, strict=True) if before.score is not None]
    if len(pairs) < MIN_TURNS:
        raise UsageError(
            f"turns: {len(pairs)} of {len(all_turns)} could be scored; a noise floor needs at least {MIN_TURNS}"
        )
    differences = _Differences([before for _, before in pairs])
    for variation in (*VARIATIONS, *extra):  # one after the other: prompts with the same beginning follow each other
        varied = await _judgements(judge, rubric, [key for key, _ in pairs], variation)
        on_variation()
        differences.add(variation, varied)
    counted = differences.of(VARIATIONS)
    if len(counted) < MIN_TURNS:
        raise UsageError(f"turns: only {len(counted)} of their changed prompts could be scored")
    flips = differences.flips(rubric.threshold)
    return NoiseFloor(
        model,
        rubric.id,
        statistics.quantiles(counted, n=20, method="inclusive")[-1],
        len(pairs),
        len(counted),
        differences.unscored,
        {name: statistics.fmean(values) for name, values in differences.by_variation.items()},
        spread=statistics.fmean(map(statistics.pstdev, differences.scores)),
        flips=sum(map(sum, flips)) / sum(map(len, flips)),
        unsure=sum(map(any, flips)) / len(flips),
        again=await _repeat_difference(judge(_UNCHANGED), rubric, pairs),
        threshold=rubric.threshold,
    )


class _Differences:
    """The differences between the scores of turns under variations and without any.

    Attributes:
        by_variation: each variation's |differences|, for those with at least one.
        scores: for each turn its score without any variation, then those under variations that changed its prompt.
        unscored: pairs of a turn and a variation without a score, or with scores measured in different ways.
    """

    def __init__(self, unchanged: Sequence[Judgement]) -> None:
        self._unchanged = unchanged
        self.by_variation: dict[str, list[float]] = {}
        self.scores = [[judgement.score or 0.0] for judgement in unchanged]
        self.unscored = 0

    def add(self, variation: PromptVariation, judgements: Sequence[Judgement]) -> None:
        for before, after, scores in zip(self._unchanged, judgements, self.scores, strict=True):
            if after.prompt_sha == before.prompt_sha:
                continue  # it changed nothing: not every turn has an apostrophe
            if after.score is None or before.score is None or after.evidence.kind != before.evidence.kind:
                self.unscored += 1  # two ways of measuring differ by more than noise
            else:
                self.by_variation.setdefault(variation.name, []).append(abs(after.score - before.score))
                scores.append(after.score)

    def of(self, variations: Iterable[PromptVariation]) -> list[float]:
        return [difference for variation in variations for difference in self.by_variation.get(variation.name, ())]

    def flips(self, threshold: float) -> list[list[bool]]:
        """Return for each turn, under each variation, whether its score is on the other side of the threshold."""
        return [[(score < threshold) != (scores[0] < threshold) for score in scores[1:]] for scores in self.scores]


async def _repeat_difference(
    judge: TurnJudge, rubric: Rubric, pairs: Sequence[tuple[tuple[Conversation, int], Judgement]]
) -> float | None:
    """Return the mean |difference| of two measurements of the same turn; None where no replies are sampled."""
    sampled = [(key, before) for key, before in pairs if before.evidence.kind == "samples"]
    if not sampled:
        return None
    second = await asyncio.gather(*(judge.judge_turn(talk, turn, rubric, 1) for (talk, turn), _ in sampled))
    differences = [
        abs(after.score - before.score)
        for (_, before), after in zip(sampled, second, strict=True)
        if after.score is not None and before.score is not None
    ]
    return statistics.fmean(differences) if differences else None


async def _judgements(
    judge: Callable[[PromptVariation], TurnJudge],
    rubric: Rubric,
    turns: Sequence[tuple[Conversation, int]],
    variation: PromptVariation,
) -> list[Judgement]:
    varied_judge, varied_rubric = judge(variation), variation.rubric(rubric)
    calls = (varied_judge.judge_turn(_vary(talk, variation), turn, varied_rubric) for talk, turn in turns)
    return list(await asyncio.gather(*calls))


def _vary(talk: Conversation, variation: PromptVariation) -> Conversation:
    turns = (replace(turn, content=variation.content(turn, index)) for index, turn in enumerate(talk.turns))
    return replace(talk, turns=tuple(turns))
