"""Explanations of turns that a run has judged: which turns, by which models, kept in the store one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from convexplain import store as stores
from convexplain.analysis.progress import Progress
from convexplain.connectors.phrase_parsers import open_phrases
from convexplain.errors import UnavailableError, UsageError
from convexplain.explain.attribution import AttributionSettings, most_calls
from convexplain.explain.contrasts import ContrastSettings
from convexplain.explain.explanations import (
    Attributions,
    Contrasts,
    Explainer,
    TurnChoice,
    chosen_rubrics,
    explain,
    may_go_better,
    spread,
)
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.explain.wording import NOTHING_BEFORE, counted, no_turn
from convexplain.judges.noise import MIN_TURNS, VARIATIONS, noise_floor
from convexplain.models.infilling import Infiller
from convexplain.store import Run, RunStore, ScoredTurn, attribution_body, contrast_body
from convexplain.types import Attribution, Contrast, Rubric

from .build import BuiltJudge, JudgeLike, ModelLike, judge_spec, run_judge
from .explainers import Explainers, check_scalarizer, open_explainers
from .scales import floor_key, scale_lost

T = TypeVar("T")

NOISE_CALLS = MIN_TURNS * (1 + len(VARIATIONS))
"""Judgements that measuring a noise floor takes."""


class Task(Protocol[T]):
    """One way to explain turns.

    Attributes:
        settings: how.
        nothing: why a turn cannot be explained that has nothing before it.
        needs_infiller: whether it needs one.
    """

    @property
    def settings(self) -> ContrastSettings | AttributionSettings: ...  # noqa: D102 - said above
    @property
    def nothing(self) -> str: ...  # noqa: D102
    @property
    def needs_infiller(self) -> bool: ...  # noqa: D102

    @property
    def needs_noise(self) -> bool:
        """Whether the judge's noise floor counts."""

    def check(self, responder: bool) -> None:
        """Raise UsageError where it needs a responder and there is none, or the other way round."""

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many calls that would take at most."""

    def explainer(self, scope: "Scope", models: Explainers, noise: Mapping[str, float]) -> Explainer[T]:
        """Return what explains."""

    def bodies(self, result: T) -> list[Mapping[str, object]]:
        """Return an explanation as JSON values."""

    def failed(self, result: T) -> bool:
        """Whether something could not be scored."""


@dataclass(frozen=True, slots=True)
class ContrastTask:
    """Look for edits that would have changed the scores.

    Attributes:
        settings: how.
        prior: look first where kept attributions point.
    """

    settings: ContrastSettings = field(default_factory=ContrastSettings)
    prior: bool = False
    needs_infiller = True

    @property
    def nothing(self) -> str:
        """Which turns are missing."""
        return f"nothing to edit: {no_turn(self.settings.editable)}"

    @property
    def needs_noise(self) -> bool:
        """Whether delta is the noise floor."""
        return self.settings.delta is None

    def check(self, responder: bool) -> None:
        """Raise UsageError where the judged turn itself is edited and there is a responder."""
        if self.settings.revise and responder:
            raise UsageError("responder: with revise=True the judged turn itself is edited, so none is asked")

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many edited contexts there are at most."""
        return len(turns) * self.settings.budget

    def explainer(self, scope: "Scope", models: Explainers, noise: Mapping[str, float]) -> Contrasts:
        """Return what looks for contrasts."""
        parts = _parts(models)
        return Contrasts(scope.store, scope.run.id, models.finder(), self.settings, parts, noise, self.prior)

    def bodies(self, result: Contrast) -> list[Mapping[str, object]]:
        """Return the contrast."""
        return [contrast_body(result)]

    def failed(self, result: Contrast) -> bool:
        """Whether a call failed."""
        return result.failed > 0 or may_go_better(result)


@dataclass(frozen=True, slots=True)
class AttributionTask:
    """Say which units the scores hang on.

    Attributes:
        settings: how.
        scalarizer: what is attributed, a name out of `connectors.scorers.SCALARIZERS`.
        phrases: what says where phrases begin.
    """

    settings: AttributionSettings = field(default_factory=AttributionSettings)
    scalarizer: str = "judge"
    phrases: str = "rules"
    nothing = NOTHING_BEFORE

    @property
    def needs_infiller(self) -> bool:
        """Whether units are infilled."""
        return self.settings.perturb == "infill"

    @property
    def needs_noise(self) -> bool:
        """Whether the judge's score is attributed."""
        return self.scalarizer == "judge"

    def check(self, responder: bool) -> None:
        """Raise UsageError where there is no such scalarizer, or it needs a responder and there is none."""
        check_scalarizer(self.scalarizer, responder)

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many perturbed conversations there are at most."""
        phrases = open_phrases(self.phrases)
        return sum(most_calls(turn.conversation.until(turn.turn), self.settings, phrases) for turn in turns)

    def explainer(self, scope: "Scope", models: Explainers, noise: Mapping[str, float]) -> Attributions:
        """Return what attributes."""
        parts = {**_parts(models), "scalarizer": self.scalarizer, "phrases": self.phrases}
        attributor = models.attributor(self.scalarizer, self.phrases)
        return Attributions(scope.store, scope.run.id, attributor, self.settings, parts, noise)

    def bodies(self, result: list[Attribution]) -> list[Mapping[str, object]]:
        """Return one attribution for each level."""
        return [attribution_body(attribution) for attribution in result]

    def failed(self, result: list[Attribution]) -> bool:
        """Whether a value could not be had."""
        return any(attribution.failed or attribution.full is None for attribution in result)


@dataclass(frozen=True, slots=True)
class Scope:
    """Turns of a run that are explained by one judge.

    Attributes:
        store, run, rubrics: where the turns are.
        turns: those that are explained.
        chosen: how many were chosen, with those that cannot be explained.
        notes: what a person should know of turns that are left out.
        judge: the judge that their scores are from, or another that was named.
    """

    store: RunStore
    run: Run
    rubrics: list[Rubric]
    turns: list[ScoredTurn]
    chosen: list[ScoredTurn]
    notes: list[str]
    judge: JudgeLike

    @property
    def judge_name(self) -> str:
        """The judge's model with its options, without passwords."""
        return replace(judge_spec(self.judge), samples=None, reasons=False).raw().public


def scopes_of(
    store: RunStore,
    run: Run,
    rubrics: Sequence[str],
    choice: TurnChoice,
    task: Task[Any],
    judge: JudgeLike | None = None,
) -> list[Scope]:
    """Return the turns of a run that are explained, a scope for each judge that their scores are from.

    Args:
        store: the store.
        run: the run.
        rubrics: ids of rubrics of the run; empty for all.
        choice: which turns.
        task: how they are explained.
        judge: explain by this judge instead.

    Raises:
        UsageError: the run was not judged by a rubric, or a named turn was not judged.
    """
    chosen = chosen_rubrics(store, run, rubrics)
    turns = [turn for rubric in chosen for turn in choice.turns(store, run.id, rubric, task.settings)]
    if choice.place is not None and not turns:
        where = ":".join(map(str, choice.place))
        names = ", ".join(rubric.id for rubric in chosen)
        raise UsageError(f"--turn {where}: run {run.id} has judged no such turn on {names}")
    scored = [turn for turn in turns if turn.score is not None]
    explicable = [turn for turn in scored if task.settings.turns(turn.conversation, turn.turn)]
    notes = [*_unscored(store, run, chosen, turns, choice), *_nothing(scored, explicable, task.nothing)]
    scope = Scope(store, run, chosen, explicable, turns, notes, run_judge(run) if judge is None else judge)
    if judge is not None or "escalate" not in run.settings:
        return [scope]
    models = dict.fromkeys([run.judge, *(turn.model for turn in explicable)])
    parts = [
        replace(scope, judge=run_judge(run, model), turns=[turn for turn in explicable if turn.model == model])
        for model in models
    ]
    return [part for part in parts if part.turns] or [scope]


@dataclass(frozen=True, slots=True)
class ExplanationModels:
    """Which models explain, besides the judge.

    Attributes:
        responder: answers edited contexts anew; None keeps the logged answers.
        infiller: fills holes.
        measure_noise: measure the judge's noise floors first.
    """

    responder: ModelLike | None = None
    infiller: str | Infiller = "embedded"
    measure_noise: bool = False


@dataclass(frozen=True, slots=True)
class ExplainedTurn(Generic[T]):
    """A turn with its explanation."""

    turn: ScoredTurn
    result: T


@dataclass(frozen=True, slots=True)
class ExplainedTurns(Generic[T]):
    """Turns of a run with their explanations.

    Attributes:
        run: the run.
        task: how they were explained.
        chosen: the turns that were chosen, with those that cannot be explained.
        explained: the explanations, in the order in which they were made.
    """

    run: Run
    task: Task[T]
    chosen: Sequence[ScoredTurn]
    explained: Sequence[ExplainedTurn[T]]

    @property
    def unscored(self) -> int:
        """How many chosen turns have no score, and so no explanation."""
        return sum(turn.score is None for turn in self.chosen)

    @property
    def failed(self) -> int:
        """How many explanations lack something that could not be scored."""
        return sum(self.task.failed(item.result) for item in self.explained)

    def to_dict(self) -> list[Mapping[str, object]]:
        """Return each contrast, or each level's attribution, as JSON values."""
        return [body for item in self.explained for body in self.task.bodies(item.result)]


async def explain_scopes(
    scopes: Sequence[Scope],
    task: Task[T],
    models: ExplanationModels,
    progress: Progress,
    on_result: Callable[[ScoredTurn, T], None] = lambda turn, result: None,
) -> ExplainedTurns[T]:
    """Explain turns one after the other; each result is kept, and handed over, as soon as it is there.

    Args:
        scopes: the turns, by their judges.
        task: how.
        models: by which models.
        progress: is told how far it is.
        on_result: is given each turn with its explanation.

    Raises:
        UsageError: there are too few scored turns for a noise floor.
        UnavailableError: a model is gone; what was explained until then is kept.
    """
    for note in scopes[0].notes:
        progress.note(note)
    explained: list[ExplainedTurn[T]] = []

    def add(turn: ScoredTurn, result: T) -> None:
        explained.append(ExplainedTurn(turn, result))
        on_result(turn, result)

    try:
        for scope in scopes:
            await explain_scope(scope, task, models, progress, add)
    except UnavailableError:
        progress.note("What was found until here is kept.")
        raise
    return ExplainedTurns(scopes[0].run, task, scopes[0].chosen, explained)


async def explain_scope(
    scope: Scope,
    task: Task[T],
    models: ExplanationModels,
    progress: Progress,
    on_result: Callable[[ScoredTurn, T], None],
) -> None:
    """Explain the turns of one scope, as `explain_scopes` does."""
    if not scope.turns:
        return  # no model is needed

    def spent() -> None:
        progress.spent(*opened.spends)

    async with open_explainers(
        scope.judge,
        models.responder,
        models.infiller if task.needs_infiller else None,
        rubrics=scope.rubrics,
        cache=scope.store,
        run=scope.run,
        on_change=spent,
    ) as opened:
        if lost := scale_lost(scope.run, opened.judge.model, opened.judge.spec.samples):
            progress.note(lost)
        noise = await _noise_floors(scope, opened.judge, models, progress, needed=task.needs_noise)
        explainer = task.explainer(scope, opened, noise)
        progress.begin("explaining", len(scope.turns))
        spent()
        try:
            async for turn, result in explain(scope.turns, explainer, lambda turn: progress.doing(_place(turn))):
                progress.advance()
                on_result(turn, result)
        finally:
            progress.end()


def _place(turn: ScoredTurn) -> str:
    return f"{turn.conversation.id}:{turn.turn} {turn.rubric.id}"


async def _noise_floors(
    scope: Scope, judge: BuiltJudge, models: ExplanationModels, progress: Progress, *, needed: bool
) -> dict[str, float]:
    """The judge's noise floors by the rubrics' SHAs, where they are known or measured now."""
    samples = judge.spec.samples
    if models.measure_noise:
        await _measure_noise(scope, judge, progress)
    keys = {rubric.sha: floor_key(judge.model, judge.calibrations.get(rubric.id)) for rubric in scope.rubrics}
    floors = {
        rubric.sha: stores.noise_floor(scope.store, keys[rubric.sha], rubric, samples) for rubric in scope.rubrics
    }
    if needed and None in floors.values():
        progress.note(f"The noise floor of this judge was not measured; {ASSUMED_NOISE} is taken. --noise measures it.")
    return {sha: value for sha, value in floors.items() if value is not None}


async def _measure_noise(scope: Scope, judge: BuiltJudge, progress: Progress) -> None:
    for rubric in scope.rubrics:
        places = spread(stores.scored_places(scope.store, scope.run.id, rubric), MIN_TURNS)
        turns = list(stores.scored_turns(scope.store, rubric, places))
        if len(turns) < MIN_TURNS:
            raise UsageError(
                f"--noise: run {scope.run.id} has {len(turns)} scored turns on {rubric.id}; {MIN_TURNS} are needed"
            )
        progress.note(f"Measuring the noise floor on {rubric.id}: {len(turns) * (1 + len(VARIATIONS))} judgements.")
        judged = [(turn.conversation, turn.turn) for turn in turns]
        floor = await noise_floor(judge.single, judge.model.name, rubric, judged)
        key = floor_key(judge.model, judge.calibrations.get(rubric.id))
        stores.keep_noise_floor(scope.store, key, rubric, floor.value, floor.turns, floor.n, judge.spec.samples)
        progress.note(f"It is {floor.value:.3f} ({floor.n} pairs).")


def _parts(models: Explainers) -> dict[str, object]:
    """What scores and fills hang on."""
    calibrated = {rubric: entry.sha for rubric, entry in models.judge.calibrations.items()}
    return {
        **({"calibrated": calibrated} if calibrated else {}),
        "judge": models.judge.fingerprint,
        "samples": models.judge.spec.samples,
        "responder": models.responder.model.fingerprint if models.responder else None,
        "infiller": models.infiller.fingerprint if models.infiller else None,
    }


def _unscored(
    store: RunStore, run: Run, rubrics: Sequence[Rubric], turns: Sequence[ScoredTurn], choice: TurnChoice
) -> Iterator[str]:
    """What is said of turns without a score: each that was named, else how many there are."""
    if choice.place is not None:
        for turn in turns:
            if turn.score is None:
                yield f"{turn.conversation.id}:{turn.turn} has no score on {turn.rubric.id} and is left out."
        return
    chosen = {rubric.id for rubric in rubrics}
    for maxim in stores.summarise(store, run, worst=0).maxims:
        if maxim.unscored and maxim.rubric in chosen:
            yield f"{counted(maxim.unscored, 'turn')} without a score on {maxim.rubric} left out."


def _nothing(scored: Sequence[ScoredTurn], explicable: Sequence[ScoredTurn], what: str) -> Iterator[str]:
    """What is said of scored turns that hold nothing to edit or to attribute to, for which no model is needed."""
    doable = {(turn.conversation.id, turn.turn) for turn in explicable}
    places = [
        place for place in dict.fromkeys((turn.conversation.id, turn.turn) for turn in scored) if place not in doable
    ]
    if len(places) > 1:
        yield f"{len(places)} turns left out: {what}."
    for conversation, turn in places if len(places) == 1 else ():
        yield f"{conversation}:{turn} is left out: {what}."
