"""Explanations of turns that a run has judged: which turns, by which models, kept in the store one after the other."""

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from convexplain import store as stores
from convexplain.analysis.progress import Progress
from convexplain.errors import UnavailableError
from convexplain.explain.explanations import (
    Explainer,
    TurnChoice,
    chosen_rubrics,
    evenly_spaced,
    explain,
    no_such_turn,
)
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.explain.settings import ContrastSettings
from convexplain.explain.wording import counted
from convexplain.models.editing import Editor, ScoredSentence
from convexplain.models.infilling import Infiller
from convexplain.rubrics import rubric_ids
from convexplain.store import Run, RunStore, ScoredTurn, run_rubrics, scored_places, scored_turns
from convexplain.store.alarms import budget_rubrics
from convexplain.text.segmentation import segment
from convexplain.types import Rubric

from .build import BuiltJudge
from .explainers import Editing, Explainers, open_explainers
from .inputs import kept_rubrics
from .judge_arguments import JudgeLike, ModelLike, judge_spec, run_judge
from .scales import floor_key, scale_lost
from .tasks import Task

T = TypeVar("T")

_POOL = 1000  # turns of a run whose sentences may take another's place


@dataclass(frozen=True, slots=True)
class Scope:
    """Turns of a run that are explained by one judge.

    Attributes:
        store, run, rubrics: where the turns are.
        turns: those that are explained.
        chosen: how many were chosen, with those that cannot be explained.
        notes: what a person should know of turns that are left out.
        judge: the judge that their scores are from, or another that was named.
        maxims: those that edits must not lower.
    """

    store: RunStore
    run: Run
    rubrics: list[Rubric]
    turns: list[ScoredTurn]
    chosen: list[ScoredTurn]
    notes: list[str]
    judge: JudgeLike
    maxims: list[Rubric]

    @property
    def judge_name(self) -> str:
        """The judge's model with its options, without passwords."""
        return judge_spec(self.judge).model_alone().public


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
    turns = [turn for rubric in chosen for turn in choice.turns(store, run.id, rubric, task)]
    if choice.place is not None and not turns:
        raise no_such_turn(store, run, chosen, choice.place)
    notes = list(_unscored(store, run, chosen, turns, choice))
    return turn_scopes(store, run, chosen, turns, task, judge, notes)


def turn_scopes(
    store: RunStore,
    run: Run,
    rubrics: list[Rubric],
    turns: Sequence[ScoredTurn],
    task: Task[Any],
    judge: JudgeLike | None = None,
    notes: Sequence[str] = (),
) -> list[Scope]:
    """Return these turns of a run, a scope for each judge that their scores are from; those without units left out.

    Args:
        store, run, task, judge: as of `scopes_of`.
        rubrics: the rubrics of the turns.
        turns: the turns.
        notes: what a person should know of turns that are left out already.

    Raises:
        UsageError, RubricError: a maxim that is to be kept is one of the rubrics, or there is no such maxim; or scores
            on a rubric cannot be explained so.
    """
    for rubric in rubrics:
        task.check_rubric(rubric)
    keep = () if task.edits is None else task.edits.keep
    maxims = kept_rubrics(keep, rubrics, run_rubrics(store, run.id)) if keep else []
    scored = [turn for turn in turns if turn.score is not None]
    explicable = [turn for turn in scored if task.turns(turn.conversation, turn.turn, turn.rubric)]
    remarks = [*notes, *_nothing(scored, explicable, task.nothing)]
    judged_by = run_judge(run) if judge is None else judge
    scope = Scope(store, run, rubrics, explicable, list(turns), remarks, judged_by, maxims)
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
    """The models that explain, besides the judge.

    Attributes:
        responder: answers edited contexts anew; None keeps the logged answers.
        infiller: fills holes, for searches that edit single words and for the editor `infill`.
        editors: propose texts, for searches over proposals; None = those at hand.
    """

    responder: ModelLike | None = None
    infiller: str | Infiller = "embedded"
    editors: Sequence[str | Editor] | None = None

    def editing(self, settings: ContrastSettings | None, sentences: Sequence[ScoredSentence] = ()) -> Editing | None:
        """Return how texts are made and looked at by a search with these settings; None where there is no search."""
        if settings is None:
            return None
        return Editing(self.editors, sentences, settings.proposes, not settings.any_text, self.infiller)


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
        """Return how many chosen turns have no score, and so no explanation."""
        return sum(turn.score is None for turn in self.chosen)

    @property
    def failed(self) -> int:
        """Return how many explanations lack something that could not be scored."""
        return sum(self.task.failed(item.result) for item in self.explained)

    def to_dict(self) -> list[Mapping[str, object]]:
        """Return each contrast, or each level's attribution, as JSON values."""
        return [body for item in self.explained for body in self.task.bodies(item.result)]


Elsewhere = Callable[[Scope, Explainers, Sequence[ScoredTurn]], Awaitable[None]]
"""Explains turns of a scope in other processes, and keeps the explanations in the store."""


async def explain_scopes(
    scopes: Sequence[Scope],
    task: Task[T],
    models: ExplanationModels,
    progress: Progress,
    on_result: Callable[[ScoredTurn, T], None] = lambda turn, result: None,
    elsewhere: Elsewhere | None = None,
) -> ExplainedTurns[T]:
    """Explain turns one after the other; each result is kept, and handed over, as soon as it is there.

    Args:
        scopes: the turns, by their judges.
        task: how.
        models: by which models.
        progress: is told how far it is.
        on_result: is given each turn with its explanation.
        elsewhere: explains first what is not kept yet, in other processes; what failed there is tried again here.

    Raises:
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
            await explain_scope(scope, task, models, progress, add, elsewhere)
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
    elsewhere: Elsewhere | None = None,
) -> None:
    """Explain the turns of one scope, as `explain_scopes` does."""
    if not scope.turns:
        return  # no model is needed
    async with open_scope(scope, task, models, progress) as (opened, explainer):
        if elsewhere is not None and (missing := [turn for turn in scope.turns if explainer.stored(turn) is None]):
            await elsewhere(scope, opened, missing)
        progress.begin("explaining", len(scope.turns))
        progress.spent(*opened.spends)
        try:
            async for turn, result in explain(scope.turns, explainer, lambda turn: progress.doing(_place(turn))):
                progress.advance()
                on_result(turn, result)
        finally:
            progress.end()


@asynccontextmanager
async def open_scope(
    scope: Scope, task: Task[T], models: ExplanationModels, progress: Progress
) -> AsyncIterator[tuple[Explainers, Explainer[T]]]:
    """Open the models of a scope, and what explains its turns with them.

    Args:
        scope: its turns do not count.
        task, models, progress: as of `explain_scopes`.

    Raises:
        UnavailableError: a model cannot be had.
    """

    def spent() -> None:
        progress.spent(*opened.spends)

    async with open_explainers(
        scope.judge,
        models.responder,
        models.infiller if task.needs_infiller else None,
        editing=models.editing(task.edits, _sentences(scope) if task.edits and task.edits.proposes else ()),
        rubrics=[*scope.rubrics, *scope.maxims],
        cache=scope.store,
        run=scope.run,
        on_change=spent,
    ) as opened:
        if lost := scale_lost(scope.run, opened.judge.model, opened.judge.spec.samples):
            progress.note(lost)
        needed = task.needs_noise and models.responder is None
        noise = await _noise_floors(scope, opened.judge, progress, needed=needed)
        yield opened, task.explainer(scope.store, scope.run.id, opened, noise)


def _sentences(scope: Scope) -> list[ScoredSentence]:
    """The sentences of the run's turns with their scores, for editors that put one in the place of another.

    Of a long log those of turns that are spread over the scores.
    """
    sentences = []
    for rubric in scope.rubrics:
        places = evenly_spaced(list(scored_places(scope.store, scope.run.id, rubric)), _POOL)
        for turn in scored_turns(scope.store, rubric, places):
            if turn.score is None:
                continue
            content = turn.conversation.turns[turn.turn].content
            texts = (unit.of(content).strip() for unit in segment(content, "sentence"))
            sentences += [
                ScoredSentence(rubric.id, turn.conversation.id, turn.turn, text, turn.score) for text in texts if text
            ]
    return sentences


def _place(turn: ScoredTurn) -> str:
    return f"{turn.conversation.id}:{turn.turn} {turn.rubric.id}"


async def _noise_floors(scope: Scope, judge: BuiltJudge, progress: Progress, *, needed: bool) -> dict[str, float]:
    """The judge's noise floors by the rubrics' SHAs, where they were measured."""
    samples, floors = judge.spec.samples, dict[str, float | None]()
    rubrics = [*scope.rubrics, *scope.maxims]
    for rubric, measured in zip(rubrics, budget_rubrics(scope.run, rubrics), strict=True):
        key = floor_key(judge.model, judge.calibrations.get(rubric.id))
        floors[rubric.sha] = stores.noise_floor(scope.store, key, measured, samples)
    if needed and None in floors.values():
        progress.note(
            f"The noise of this judge was not measured: differences under {ASSUMED_NOISE} are taken for chance. "
            f"`{_noise_command(scope, floors)}` measures it."
        )
    return {sha: value for sha, value in floors.items() if value is not None}


def _noise_command(scope: Scope, floors: Mapping[str, float | None]) -> str:
    """Return the command that measures the noise of a scope's judge on the maxims on which it was not measured."""
    missing = dict.fromkeys(rubric.id for rubric in [*scope.rubrics, *scope.maxims] if floors[rubric.sha] is None)
    shipped = rubric_ids()
    rubrics = "".join(f" --rubric {rubric if rubric in shipped else 'FILE'}" for rubric in missing)
    return f"convexplain judges noise --judge {shlex.quote(scope.judge_name)}{rubrics}"


def _unscored(
    store: RunStore, run: Run, rubrics: Sequence[Rubric], turns: Sequence[ScoredTurn], choice: TurnChoice
) -> Iterator[str]:
    """Yield a remark on each named turn without a score, or on how many there are."""
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
    """Yield remarks on scored turns that hold nothing to edit or to attribute to."""
    doable = {(turn.conversation.id, turn.turn) for turn in explicable}
    places = [
        place for place in dict.fromkeys((turn.conversation.id, turn.turn) for turn in scored) if place not in doable
    ]
    if len(places) > 1:
        yield f"{len(places)} turns left out: {what}."
    for conversation, turn in places if len(places) == 1 else ():
        yield f"{conversation}:{turn} is left out: {what}."
