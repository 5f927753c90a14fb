"""Judged turns of runs: explained, measured, exported."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from convexplain.analysis.progress import Progress
from convexplain.connectors.training import EXPORTERS, ConversationExporter
from convexplain.errors import UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.pairs import PairSettings
from convexplain.models.editing import Editor
from convexplain.models.infilling import Infiller
from convexplain.store import ScoredTurn

from ..cluster import Cluster, cluster_of, connected
from ..explainers import check_models
from ..explanations import ExplainedTurns, ExplanationModels, Scope, explain_scopes, scopes_of, turn_scopes
from ..exports import Exported, Exporting, PairJudges, pair_judgements
from ..fidelity import Fidelity, FidelitySettings, measure_fidelity
from ..inputs import RunLike
from ..judge_arguments import JudgeLike, ModelLike
from ..pair_checks import PairCheck, check_pair
from ..results import Finding
from ..tasks import ShortAnswer, ShortTask, Task
from ..turn_explanation import Explanation
from .base import StoreMethods

T = TypeVar("T")


class ExplanationMethods(StoreMethods):
    """Judged turns of runs: explained, measured, exported."""

    async def explain(
        self,
        findings: Finding | Sequence[Finding],
        *,
        judge: JudgeLike | None = None,
        infiller: str | Infiller = "embedded",
        editors: Sequence[str | Editor] | None = None,
        task: ShortTask = ShortTask(),
        cluster: Cluster | str | None = None,
        on_result: Callable[[Explanation], None] = lambda explanation: None,
        progress: Progress = Progress(),
    ) -> list[Explanation]:
        """Return why findings of a run have their scores: which words and turns matter, and which edit changes it.

        Explanations are kept in the store: the same call returns them at once the next time.

        Args:
            findings: a judged turn, or several of one run, as `AnalyzedRun.worst` gives them; those without a score
                are left out.
            judge: explain by this judge; None takes for each finding the one that its score is from.
            infiller: proposes other words, for searches that edit single words and for the editor `infill`.
            editors: propose texts; None takes those at hand.
            task: what is asked, and how much it may cost.
            cluster: explain on this Ray cluster (its settings, or its address), with the same results, which are handed
                over when all are there. Its workers must reach the store. Needs the extra `ray`.
            on_result: is given each explanation as soon as it is there.
            progress: is told how far it is.

        Raises:
            UsageError: the findings are of several runs, or the run's judge cannot be opened again.
            UnavailableError: a model cannot be had; what was explained until then is kept.
        """
        findings = [findings] if isinstance(findings, Finding) else findings
        if not findings:
            return []
        if len({finding.run for finding in findings}) > 1:
            raise UsageError("findings: they are of several runs; explain the findings of one run at a time")
        by_turn = {(finding.judged.number, finding.index, finding.rubric.sha): finding for finding in findings}
        explanations: list[Explanation] = []

        def add(turn: ScoredTurn, answer: ShortAnswer) -> None:
            explanations.append(Explanation(by_turn[turn.number, turn.turn, turn.rubric.sha], *answer))
            on_result(explanations[-1])

        models = ExplanationModels(None, infiller, editors)
        scopes = self._finding_scopes(findings, task, judge)
        await self._explain(scopes, task, models, cluster, progress, add)
        return explanations

    async def plan_explain(
        self, findings: Sequence[Finding], *, judge: JudgeLike | None = None, task: ShortTask = ShortTask()
    ) -> list[Scope]:
        """Return what `explain` would explain with the same arguments, by judge, without asking anything."""
        await check_models(judge)
        return self._finding_scopes(findings, task, judge)

    def _finding_scopes(self, findings: Sequence[Finding], task: ShortTask, judge: JudgeLike | None) -> list[Scope]:
        run = self.store.run(findings[0].run)
        rubrics = list({finding.rubric.sha: finding.rubric for finding in findings}.values())
        return turn_scopes(self.store, run, rubrics, [finding.judged for finding in findings], task, judge)

    async def explain_turns(
        self,
        run: RunLike | None,
        task: Task[T],
        turns: TurnChoice = TurnChoice(),
        rubrics: Sequence[str] = (),
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        infiller: str | Infiller = "embedded",
        editors: Sequence[str | Editor] | None = None,
        *,
        cluster: Cluster | str | None = None,
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
            infiller: what fills holes, for searches that edit single words and for the editor `infill`.
            editors: what proposes texts, for searches over proposals: `delete`, `swap`, `rewrite`, `rewrite:MODEL`,
                `infill:INFILLER`, or editors of your own (prepared); None takes those at hand.
            cluster: as of `explain`.
            on_result: is given each turn with its explanation as soon as it is there.
            progress: is told how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid, or the run's judge cannot be opened again.
            UnavailableError: a model cannot be had; what was explained until then is kept.
        """
        task = task.resolved(responder is not None)
        scopes = scopes_of(self.store, self.store.run(run), rubrics, turns, task, judge)
        models = ExplanationModels(responder, infiller, editors)
        return await self._explain(scopes, task, models, cluster, progress, on_result)

    async def _explain(
        self,
        scopes: Sequence[Scope],
        task: Task[T],
        models: ExplanationModels,
        cluster: Cluster | str | None,
        progress: Progress,
        on_result: Callable[[ScoredTurn, T], None],
    ) -> ExplainedTurns[T]:
        async with connected(cluster_of(cluster)) as remote:
            elsewhere = None if remote is None else remote.explaining(self.store, task, models, progress)
            return await explain_scopes(scopes, task, models, progress, on_result, elsewhere)

    async def plan_explanations(
        self,
        run: RunLike | None,
        task: Task[Any],
        turns: TurnChoice = TurnChoice(),
        rubrics: Sequence[str] = (),
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        infiller: str | Infiller | None = None,
        editors: Sequence[str | Editor] | None = None,
    ) -> list[Scope]:
        """Return what `explain_turns` would explain with the same arguments, by judge, without asking anything.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid.
        """
        task = task.resolved(responder is not None)
        fills = task.needs_infiller or "infill" in (editors or ())
        await check_models(judge, responder, infiller=infiller if fills else None, editors=editors)
        return scopes_of(self.store, self.store.run(run), rubrics, turns, task, judge)

    async def fidelity(
        self,
        run: RunLike | None = None,
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        *,
        turns: Collection[ScoredTurn] | None = None,
        settings: FidelitySettings = FidelitySettings(),
        progress: Progress = Progress(),
    ) -> Fidelity:
        """Measure how faithful the kept attributions of a run are, beside orders of the units that know nothing.

        Args:
            run: the run's number or name; None takes the newest.
            judge: measure by this judge; None takes for each turn the one that its score is from.
            responder: the responder whose answers were attributed; None measures attributions of logged answers.
            turns: measure only these turns; None takes all that were attributed.
            settings: what is measured.
            progress: is told how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: the run has no such attributions, or its judge cannot be opened again.
            MissingExtraError: with a responder, sacrebleu is not installed.
            UnavailableError: a model cannot be had.
        """
        return await measure_fidelity(self.store, self.store.run(run), judge, responder, settings, progress, turns)

    async def export(
        self,
        run: RunLike | None = None,
        format: str = "jsonl",
        out: str | Path = "convexplain-data",
        *,
        settings: PairSettings = PairSettings(),
        judge: JudgeLike | None = None,
        samples: int | None = None,
        second_judge: JudgeLike | None = None,
        progress: Progress = Progress(),
    ) -> Exported:
        """Write the contrasts of a run as preference pairs for a trainer, or its conversations.

        A contrast needs a reviewer who accepted it; with `PairSettings(unreviewed=True)` also those leave that nobody
        has reviewed and that pass all gates (`docs/training_data.md`).

        Args:
            run: the run's number or name; None takes the newest.
            format: a name out of `connectors.training.EXPORTERS`; `openai` writes the conversations as messages.
            out: the folder, which gets train and test files and a data card; an earlier export is replaced.
            settings: which pairs are made.
            judge: judge edited turns by this judge; None takes the run's own.
            samples: average that many sampled replies of the judge; None takes the judge's own number.
            second_judge: must prefer the same turn of each unreviewed pair; None asks no second one.
            progress: is told how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid, the run has no contrast, or its judge cannot be opened again.
            MissingExtraError: the format needs a package that is not installed.
            UnavailableError: a judge cannot be had.
        """
        judges = PairJudges(judge, samples, second_judge)
        return await Exporting(self.store, self.store.run(run), format, Path(out), settings, judges).write(progress)

    async def check_pair(self, contrast: int) -> PairCheck:
        """Return which gates a contrast passes as a training pair; no judge is asked.

        A reviewer may accept it whatever they say.

        Args:
            contrast: the contrast's number in the store.

        Raises:
            StoreError: there is no such contrast.
        """
        return await check_pair(self.store, contrast)

    async def plan_export(
        self,
        run: RunLike | None = None,
        format: str = "jsonl",
        *,
        settings: PairSettings = PairSettings(),
        judge: JudgeLike | None = None,
        second_judge: JudgeLike | None = None,
    ) -> int:
        """Return how many judgements `export` asks for at most: both turns of each contrast that may make a pair.

        Raises:
            StoreError: there is no such run.
            UsageError: there is no such format, rubric or judge, or the second judge has nothing to do.
        """
        chosen = self.store.run(run)
        await check_models(judge)
        await check_models(second_judge)
        if isinstance(EXPORTERS.get(format), ConversationExporter):
            return 0
        return pair_judgements(self.store, chosen, settings, PairJudges(judge, second=second_judge))
