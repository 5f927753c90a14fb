"""Fidelity of the kept attributions of a run, and agreement between attribution methods."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations, islice
from typing import Any

from convexplain.analysis.progress import Progress
from convexplain.connectors.scorers import SentenceEmbeddings
from convexplain.errors import UsageError
from convexplain.explain.attribution import judged_part
from convexplain.explain.faithfulness import Faithfulness, K, baselines, faithfulness
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.scalarizers import JudgeValue, TurnValues
from convexplain.fidelity import Embed, Estimate, bleu, mean, rank_correlation, ranked, stability
from convexplain.judges.self_explanation import self_explained_order, self_explained_turns
from convexplain.models.calls import Calls
from convexplain.store import Run, RunStore, ScoredTurn, attributions, run_rubrics
from convexplain.types import Attribution, AttributionLevel, Conversation, Rubric

from .explainers import Explainers, open_explainers
from .judge_arguments import JudgeLike, ModelLike, run_judge
from .results import data_frame
from .scales import scale_lost

MEASURES = tuple(field.name for field in fields(Faithfulness))
"""Names of what is measured of each order."""


@dataclass(frozen=True, slots=True)
class FidelitySettings:
    """Settings of a fidelity measurement.

    Attributes:
        level: attributions to units of that level, or to `mixed` ones. Those of a span of the reply do not count.
        k: units that are removed for PR@k and KL@k.
        complete: measure deletion and insertion to the end as well: four times as many calls.
        limit: only so many attributed turns, the first ones.
        self_explanation: also ask the judge itself which turns mattered.
        embeddings: with a responder, a folder or repository with an encoder, to compare the answers' embeddings by.
        seed: of the random order.
    """

    level: AttributionLevel = "turn"
    k: int = K
    complete: bool = False
    limit: int | None = None
    self_explanation: bool = False
    embeddings: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class AttributedTurn:
    """A turn with its kept attributions.

    Attributes:
        conversation, rubric: the judged turn's.
        scores: a method's name to its attributions, the newest last; all of the same units, by the same judge.
        other_values: likewise those that attribute something else than the judge's score.
    """

    conversation: Conversation
    rubric: Rubric
    scores: Mapping[str, list[Attribution]]
    other_values: Mapping[str, list[Attribution]]

    @property
    def last(self) -> Attribution:
        """One attribution, for what they have in common."""
        return list(self.scores.values())[-1][-1]


@dataclass(frozen=True, slots=True)
class OrderMeasure:
    """One measure of one order of the units, over turns.

    Attributes:
        order: what put the units in their order: a method, `random`, `length`, `position` or `self-explanation`.
        measure: a field of `Faithfulness`, which says which end is good.
        value: the mean over turns.
        difference: of the mean to that of the random order; None for that itself.
    """

    order: str
    measure: str
    value: Estimate
    difference: Estimate | None


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """Rank correlation of two methods' scores, or of one method under other settings.

    Attributes:
        methods: the two, or the one.
        value: the mean rank correlation over turns, in [-1, 1]; higher = more alike.
    """

    methods: tuple[str, ...]
    value: Estimate


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Fidelity of attributions.

    Attributes:
        turns: for each turn, an order's name to its measures.
        agreements: how far methods agree, and each with itself.
    """

    turns: Sequence[Mapping[str, Faithfulness]]
    agreements: Sequence[RankAgreement]

    @property
    def orders(self) -> list[str]:
        """The names of the orders: methods first, then those that know nothing."""
        return list(dict.fromkeys(name for turn in self.turns for name in turn))

    @property
    def measures(self) -> list[OrderMeasure]:
        """Each measure of each order for which there is a value."""
        return [item for order in self.orders for measure in MEASURES for item in self._measure(order, measure)]

    def to_dict(self) -> dict[str, Any]:
        """Return measures and agreements as JSON values."""
        return {
            "measures": [asdict(item) for item in self.measures],
            "agreements": [asdict(item) for item in self.agreements],
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each measure of each order.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(
            {
                "order": item.order,
                "measure": item.measure,
                "value": item.value.value,
                "low": item.value.low,
                "high": item.value.high,
                "turns": item.value.n,
                "difference": None if item.difference is None else item.difference.value,
            }
            for item in self.measures
        )

    def _measure(self, order: str, measure: str) -> Iterator[OrderMeasure]:
        pairs = [
            (value, getattr(turn["random"], measure))
            for turn in self.turns
            if order in turn and (value := getattr(turn[order], measure)) is not None
        ]
        if pairs:
            gaps = [value - random for value, random in pairs if random is not None]
            difference = mean(gaps) if gaps and order != "random" else None
            yield OrderMeasure(order, measure, mean([value for value, _ in pairs]), difference)


async def measure_fidelity(
    store: RunStore,
    run: Run,
    judge: JudgeLike | None,
    responder: ModelLike | None,
    settings: FidelitySettings,
    progress: Progress,
    chosen: Collection[ScoredTurn] | None = None,
) -> Fidelity:
    """Measure the attributions of a run; see `AsyncWorkspace.fidelity`."""
    keys = None if chosen is None else {(turn.number, turn.turn, turn.rubric.id) for turn in chosen}
    turns = list(islice(_attributed(store, run, settings.level, responder is not None, keys), settings.limit))
    if not turns and chosen is not None:
        raise UsageError(
            f"none of the chosen turns of run {run.id} has two units of level {settings.level} whose effects could be "
            "measured: there is no order of units to check; choose longer conversations or another level"
        )
    if not turns:
        raise UsageError(
            f"run {run.id} has no attributions to units of level {settings.level}"
            f"{'' if responder else ' of logged answers'}; make some with: convexplain attribute {run.id}"
        )
    if responder is not None:
        bleu("", "")  # says what is missing before anything is asked
    embed = SentenceEmbeddings(settings.embeddings) if settings.embeddings else None
    rows: list[Mapping[str, Faithfulness]] = []

    def spent() -> None:
        progress.spent(*models.spends)

    progress.begin("measuring", len(turns))
    try:
        for judge_of_part, part in _by_judge(run, turns, judge):
            async with open_explainers(judge_of_part, responder, None, cache=store, run=run, on_change=spent) as models:
                if lost := scale_lost(run, models.judge.model, models.judge.spec.samples):
                    progress.note(lost)
                spent()
                for turn in part:
                    rows.append(await _row(turn, models, settings, embed))
                    progress.advance()
    finally:
        progress.end()
    return Fidelity(rows, list(_agreements(turns)))


def _by_judge(
    run: Run, turns: Sequence[AttributedTurn], judge: JudgeLike | None
) -> Iterator[tuple[JudgeLike, Sequence[AttributedTurn]]]:
    """The judges with their turns: of a run of two judges each turn was attributed by the one its score is from."""
    if judge is not None or "escalate" not in run.settings:
        yield run_judge(run) if judge is None else judge, turns
        return
    for name in dict.fromkeys(turn.last.judge for turn in turns):
        yield run_judge(run, name), [turn for turn in turns if turn.last.judge == name]


def _attributed(
    store: RunStore, run: Run, level: AttributionLevel, regenerated: bool, keys: Collection[tuple[int, int, str]] | None
) -> Iterator[AttributedTurn]:
    """Yield each attributed turn, with the newest attribution of each method; only those of the judge's score.

    Args:
        store, run: where the attributions are.
        level: the level of their units.
        regenerated: whether the responder's new answers were attributed.
        keys: conversation's number, turn and rubric of those that count; None takes all.
    """
    rubrics = {rubric.id: rubric for rubric in run_rubrics(store, run.id)}
    talks: dict[int, Conversation] = {}
    grouped: dict[tuple[int, int, str], list[Attribution]] = defaultdict(list)
    for number, conversation, levels in attributions(store, run.id):
        talks[number] = conversation
        for attribution in levels:
            of_level = attribution.level == level and not attribution.target
            if of_level and len(attribution.units) > 1 and attribution.full is not None:
                grouped[number, attribution.turn, attribution.rubric].append(attribution)
    for (number, turn, rubric), items in grouped.items():
        if keys is not None and (number, turn, rubric) not in keys:
            continue
        by_method = [item for group in _named(items).values() for item in group]
        scored = [item for item in by_method if item.of_score and (item.question == "regenerate") == regenerated]
        if not scored:
            continue
        # Of a finer level each method has the parts of its own top units: only those of the same units are compared.
        last = scored[-1]
        same = [item for item in by_method if item.units == last.units]
        scores = [item for item in same if item in scored and item.judge == last.judge]
        other_values = [item for item in same if not item.of_score]
        yield AttributedTurn(talks[number], rubrics[rubric], _named(scores), _named(other_values))


def _named(items: Sequence[Attribution]) -> dict[str, list[Attribution]]:
    named: dict[str, list[Attribution]] = defaultdict(list)
    for item in items:
        named[_name(item)].append(item)
    return dict(named)


def _name(attribution: Attribution) -> str:
    how = [attribution.perturbed] if attribution.perturbed != "remove" else []
    how += [] if attribution.of_score else [attribution.scalarizer]
    return f"{attribution.method} ({', '.join(how)})" if how else attribution.method


async def _row(
    turn: AttributedTurn, models: Explainers, settings: FidelitySettings, embed: Embed | None
) -> dict[str, Faithfulness]:
    last = turn.last
    talk = judged_part(turn.conversation, last.turn, turn.rubric)
    judge = JudgeValue(TurnMeasure(models.judge.judge, models.responder), turn.rubric)
    values = TurnValues(talk, judge, scope=turn.rubric.scope)
    await values.values([frozenset()])  # settles the scale
    orders = {name: ranked(items[-1].scores, items[-1].side) for name, items in turn.scores.items()}
    if settings.self_explanation:
        orders |= await _self_explanation(models.judge.calls, talk, turn, settings.seed)
    orders |= baselines(talk, last.units, settings.seed)
    return await faithfulness(
        values, last.units, orders, last.side, settings.k, complete=settings.complete, embed=embed
    )


async def _self_explanation(calls: Calls, talk: Conversation, turn: AttributedTurn, seed: int) -> dict[str, list[int]]:
    """The order that the judge itself gives: the turns that it names, then the others at random."""
    units = turn.last.units
    named = await self_explained_turns(calls, talk, turn.last.turn, turn.rubric)
    if named is None:
        return {}
    return {"self-explanation": self_explained_order(named, units, baselines(talk, units, seed)["random"])}


def _agreements(turns: Sequence[AttributedTurn]) -> Iterator[RankAgreement]:
    """Return the agreement of methods and scalarizers with each other, and of each with itself under other settings."""
    methods = [{**turn.scores, **turn.other_values} for turn in turns]
    names = list(dict.fromkeys(name for turn in methods for name in turn))
    for first, second in combinations(names, 2):
        both = [turn for turn in methods if first in turn and second in turn]
        values = [rank_correlation(turn[first][-1].scores, turn[second][-1].scores) for turn in both]
        yield from _agreement((first, second), values)
    for name in names:
        again = [stability([item.scores for item in turn.get(name, [])]) for turn in methods]
        yield from _agreement((name,), again)


def _agreement(methods: tuple[str, ...], values: Sequence[float | None]) -> Iterator[RankAgreement]:
    numbers = [value for value in values if value is not None]
    if numbers:
        yield RankAgreement(methods, mean(numbers))
