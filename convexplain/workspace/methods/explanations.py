"""Judged turns of runs: explained, measured, exported."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from convexplain.analysis.progress import Progress
from convexplain.explain.attribution import AttributionSettings
from convexplain.explain.contrasts import ContrastSettings
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.pairs import PairSettings
from convexplain.models.infilling import Infiller
from convexplain.store import ScoredTurn, summarise

from ..build import JudgeLike, ModelLike
from ..explanations import (
    AttributionTask,
    ContrastTask,
    ExplainedTurns,
    ExplanationModels,
    Scope,
    Task,
    explain_scopes,
    scopes_of,
)
from ..exports import Exported, Exporting
from ..fidelity import Fidelity, FidelitySettings, measure_fidelity
from ..inputs import RunLike
from ..results import Explanation, Finding
from .base import StoreMethods

T = TypeVar("T")


class ExplanationMethods(StoreMethods):
    """Judged turns of runs: explained, measured, exported."""

    async def explain(
        self,
        finding: Finding,
        *,
        judge: JudgeLike | None = None,
        infiller: str | Infiller = "embedded",
        attribution: AttributionSettings = AttributionSettings(levels=("turn",), budget=24),
        contrast: ContrastSettings | None = ContrastSettings(revise=True, budget=24),
        progress: Progress = Progress(),
    ) -> Explanation:
        """Say what a finding's score hangs on, and which smallest edit of the turn would have changed it.

        The explanation is kept in the store: the same call returns it at once the next time.

        Args:
            finding: a judged turn of a run, as `AnalyzedRun.worst` gives them.
            judge: explain by this judge; None takes the one that the score is from.
            infiller: what fills holes.
            attribution: how the turns before it are attributed.
            contrast: how an edit is looked for; None looks for none.
            progress: is told how far it is.

        Raises:
            UnavailableError: a model cannot be had.
        """
        choice = TurnChoice(place=(finding.conversation.id, finding.index), number=finding.judged.number)

        async def explained(task: Task[T]) -> list[T]:
            turns = await self.explain_turns(
                finding.run, task, choice, [finding.rubric.id], judge, infiller=infiller, progress=progress
            )
            return [item.result for item in turns.explained]

        attributions = await explained(AttributionTask(attribution))
        contrasts = await explained(ContrastTask(contrast)) if contrast else []
        summary = summarise(self.store, self.store.run(finding.run), worst=1)
        validated = summary.head(finding.rubric.id) is not None
        return Explanation(finding, next(iter(attributions), []), next(iter(contrasts), None), validated)

    async def explain_turns(
        self,
        run: RunLike | None,
        task: Task[T],
        turns: TurnChoice = TurnChoice(),
        rubrics: Sequence[str] = (),
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        infiller: str | Infiller = "embedded",
        *,
        measure_noise: bool = False,
        on_result: Callable[[ScoredTurn, T], None] = lambda turn, result: None,
        progress: Progress = Progress(),
    ) -> ExplainedTurns[T]:
        """Explain turns of a run, one after the other; each explanation is kept in the store at once.

        What was explained before comes from the store, so the same call goes on where it was stopped.

        Args:
            run: the run's number or name; None takes the newest.
            task: how they are explained: a `ContrastTask` or an `AttributionTask`.
            turns: which turns; the three with the lowest scores on each rubric that can be explained unless given.
            rubrics: ids of rubrics of the run; empty for all.
            judge: explain by this judge; None takes for each turn the one that its score is from.
            responder: the model under test: it answers each edited conversation anew; None keeps the logged answers.
            infiller: what fills holes.
            measure_noise: first measure the judge's noise floor on each rubric, and keep it.
            on_result: is given each turn with its explanation as soon as it is there.
            progress: is told how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid, or the run's judge cannot be opened again.
            UnavailableError: a model cannot be had; what was explained until then is kept.
        """
        scopes = await self.plan_explanations(run, task, turns, rubrics, judge, responder)
        models = ExplanationModels(responder, infiller, measure_noise)
        return await explain_scopes(scopes, task, models, progress, on_result)

    async def plan_explanations(
        self,
        run: RunLike | None,
        task: Task[Any],
        turns: TurnChoice = TurnChoice(),
        rubrics: Sequence[str] = (),
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
    ) -> list[Scope]:
        """Return what `explain_turns` would explain with the same arguments, by judge, without asking anything.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid.
        """
        task.check(responder is not None)
        return scopes_of(self.store, self.store.run(run), rubrics, turns, task, judge)

    async def fidelity(
        self,
        run: RunLike | None = None,
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        *,
        settings: FidelitySettings = FidelitySettings(),
        progress: Progress = Progress(),
    ) -> Fidelity:
        """Measure how faithful the kept attributions of a run are, beside orders of the units that know nothing.

        Args:
            run: the run's number or name; None takes the newest.
            judge: measure by this judge; None takes for each turn the one that its score is from.
            responder: the responder whose answers were attributed; None measures attributions of logged answers.
            settings: what is measured.
            progress: is told how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: the run has no such attributions, or its judge cannot be opened again.
            MissingExtraError: with a responder, sacrebleu is not installed.
            UnavailableError: a model cannot be had.
        """
        return await measure_fidelity(self.store, self.store.run(run), judge, responder, settings, progress)

    async def export(
        self,
        run: RunLike | None = None,
        format: str = "jsonl",
        out: str | Path = "convexplain-data",
        *,
        settings: PairSettings = PairSettings(min_margin=0.1),
        judge: JudgeLike | None = None,
        samples: int | None = None,
        progress: Progress = Progress(),
    ) -> Exported:
        """Write the contrasts of a run as preference pairs for a trainer, or its conversations.

        Args:
            run: the run's number or name; None takes the newest.
            format: a name out of `connectors.training.EXPORTERS`; `openai` writes the conversations as messages.
            out: the folder, which gets train and test files and a data card; an earlier export is replaced.
            settings: which pairs are made.
            judge: judge edited turns by this judge; None takes the run's own.
            samples: average that many sampled replies of the judge; None takes the judge's own number.
            progress: is told how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid, the run has no contrast, or its judge cannot be opened again.
            MissingExtraError: the format needs a package that is not installed.
            UnavailableError: the judge cannot be had.
        """
        exporting = Exporting(self.store, self.store.run(run), format, Path(out))
        return await exporting.write(settings, judge, samples, progress)
