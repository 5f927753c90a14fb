"""Judges and people: validation, calibration, noise, heads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from convexplain.analysis.plans import Plan
from convexplain.analysis.progress import Progress
from convexplain.analysis.sources import ConversationSource, LogSource, MemorySource, find_logs
from convexplain.connectors.labels import LabelSettings
from convexplain.judges.reference.measures import JudgeBenchmark
from convexplain.judges.reference.reference_set import Half
from convexplain.judges.spec import JudgeOptions
from convexplain.rubrics import HEADLINE
from convexplain.store import calibrations, keep_ratings

from ..benchmarks import benchmark_judge, plan_benchmark
from ..build import open_judge
from ..calibrations import (
    FittedCalibration,
    StoredCalibrations,
    aim_of,
    calibrate_on_labels,
    calibrate_prior,
    check_prior,
    take_out,
)
from ..heads import TrainedHead, train_head
from ..injection import InjectionCheck, check_injection
from ..inputs import (
    Logs,
    RubricLike,
    RunLike,
    conversations_of,
    rubrics_of,
)
from ..judge_arguments import JudgeLike, ModelLike
from ..judge_defaults import judge_or_default
from ..labels import LabelSet, Pairs, label_set, labelled_rubrics
from ..logs import LogReader, LogSettings
from ..noise import MIN_TURNS, NoiseFloors, assistant_turns, measure_noise
from ..trust import Trust, judge_trust
from ..validation import (
    Validation,
    ValidationPlan,
    plan_validation,
    validate,
    validation_judges,
)
from .base import StoreMethods, are_paths, as_paths, tell_replaced


class AgreementMethods(StoreMethods):
    """Judges and people: validation, calibration, noise, heads."""

    async def validate(
        self,
        logs: Logs | None = None,
        labels: str | Path | None = None,
        *,
        rubrics: RubricLike | Sequence[RubricLike] | None = None,
        judge: JudgeLike | Sequence[JudgeLike] | None = None,
        runs: Sequence[RunLike] = (),
        dialogue: str | None = None,
        keep: bool = False,
        seed: int = 0,
        settings: LogSettings = LogSettings(),
        label_settings: LabelSettings = LabelSettings(),
        progress: Progress = Progress(),
        **options: Unpack[JudgeOptions],
    ) -> Validation:
        """Hold judges against people, on the turns that people have labelled.

        Labels come from the labels file, from the logs where these bring labels, and from the store. Each judge judges
        the labelled turns alone, as a run of the store that goes on where it was stopped. Length and turn number are
        measured beside the judges. Intervals are 95 %, over dialogues.

        Args:
            logs: the labelled conversations, as `analyze` takes them; None = those of the runs, else of the store.
            labels: the labels file; None = only the labels in the logs and in the store.
            rubrics: what the labels answer; None = the runs' rubrics, else all shipped ones that have labels.
            judge: a judge as `analyze` takes it, or a list of judges; None = `embedded`, or none where there are runs.
            runs: runs of the store, by number or name, whose judgements are held against people too.
            dialogue: the name in the conversations' metadata of what intervals draw together; None = `dialogue` where
                there is such a name, else each conversation is a dialogue.
            keep: keep the labels in the store.
            seed: of the intervals.
            settings: how logs are read.
            label_settings: how the labels file is read.
            progress: is told how far it is.
            options: fields of `JudgeSpec` that count instead of the judges' own.

        Returns:
            For each rubric people's agreement among themselves, each judge's with them, and the widest disagreements.

        Raises:
            UsageError, RubricError: an argument is not valid, or there is no label.
            LogError: the labels file cannot be read.
            StoreError: there is no such run.
            UnavailableError: a model cannot be had; what was judged until then is kept.
        """
        numbers = [self.store.run(run).id for run in runs]
        judges = validation_judges(judge, numbers)
        labelled = self._labels(logs, labels, rubrics, dialogue, settings, label_settings, progress, runs=numbers)
        if keep:
            progress.note(f"{keep_ratings(self.store, labelled.matched.rated):,} labels are kept in the store.")
        return await validate(self.store, labelled, judges, numbers, seed, progress, **options)

    async def plan_validation(
        self,
        logs: Logs | None = None,
        labels: str | Path | None = None,
        *,
        rubrics: RubricLike | Sequence[RubricLike] | None = None,
        judge: JudgeLike | Sequence[JudgeLike] | None = None,
        runs: Sequence[RunLike] = (),
        dialogue: str | None = None,
        settings: LogSettings = LogSettings(),
        label_settings: LabelSettings = LabelSettings(),
        progress: Progress = Progress(),
        **options: Unpack[JudgeOptions],
    ) -> ValidationPlan:
        """Return what `validate` would ask with the same arguments, without asking anything.

        Raises:
            UsageError, RubricError, LogError, StoreError: as of `validate`.
            UnavailableError: a judge's server cannot be reached.
        """
        numbers = [self.store.run(run).id for run in runs]
        judges = validation_judges(judge, numbers)
        labelled = self._labels(logs, labels, rubrics, dialogue, settings, label_settings, progress, runs=numbers)
        return await plan_validation(self.store, labelled, judges, **options)

    async def benchmark(
        self,
        judge: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        *,
        half: Half = "reporting",
        progress: Progress = Progress(),
        **options: Unpack[JudgeOptions],
    ) -> JudgeBenchmark:
        """Judge the reference set that ships with convexplain: which bad turns does a judge read, and which not?

        The set is short conversations with planted bad turns of seven kinds, in which length and position tell nothing.
        Its labels are the authors'. The result on the half for reporting makes the judge `benchmarked`.

        Args:
            judge, options: as of `analyze`.
            rubrics: rubrics on helpfulness, harm or informativeness, in any wording.
            half: `reporting`, or `choosing` for trying judges, rubrics and thresholds.
            progress: receives how far it is. Replies are kept: a stopped benchmark goes on.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: the model cannot be had; replies that came are kept.
        """
        return await benchmark_judge(self.cache, judge, rubrics_of(rubrics), half, progress, **options)

    async def plan_benchmark(
        self,
        judge: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        *,
        half: Half = "reporting",
        **options: Unpack[JudgeOptions],
    ) -> Plan:
        """Return what `benchmark` would ask with the same arguments, without asking anything.

        Raises:
            UsageError, RubricError: as of `benchmark`.
        """
        return await plan_benchmark(self.store, judge, rubrics_of(rubrics), half, **options)

    async def check_injection(
        self,
        judge: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        *,
        texts: Path | None = None,
        progress: Progress = Progress(),
        **options: Unpack[JudgeOptions],
    ) -> InjectionCheck:
        """Measure how well a judge resists texts in a chat that ask for its best label.

        Each of the 28 shipped texts is put into bad turns of the reference set: at the end of the user's turn, and of
        the judged one. The share of these attempts that fail is kept, and shown beside the trust in the judge.

        Args:
            judge, options: as of `analyze`; with `second_prompt=True` disagreements of two prompts are warnings too.
            rubrics: rubrics on helpfulness, harm or informativeness, in any wording.
            texts: a file with texts of your own, measured beside them: a text a line, or a JSON list in a file that
                ends with `.json`; `{good}` and `{bad}` stand for the rubric's best and worst label.
            progress: receives how far it is. Replies are kept: a stopped check goes on.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: the model cannot be had; replies that came are kept.
        """
        return await check_injection(self.cache, judge, rubrics_of(rubrics), texts, progress, **options)

    async def trust(
        self,
        judge: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        **options: Unpack[JudgeOptions],
    ) -> list[Trust]:
        """Return how far a judge is known to agree with people, or with the reference set, on each maxim.

        Args:
            judge, rubrics, options: as of `analyze`.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: the model cannot be had.
        """
        chosen = rubrics_of(rubrics)
        async with open_judge(judge, chosen, cache=self.cache, **options) as built:
            return judge_trust(self.cache, built, chosen)

    async def calibrate(
        self,
        logs: Logs | None = None,
        labels: str | Path | None = None,
        *,
        rubric: RubricLike,
        judge: JudgeLike | None = None,
        precision: float | None = None,
        recall: float | None = None,
        flagged: float | None = None,
        prior: bool = False,
        samples: int | None = None,
        dialogue: str | None = None,
        seed: int = 0,
        settings: LogSettings = LogSettings(),
        label_settings: LabelSettings = LabelSettings(),
        progress: Progress = Progress(),
    ) -> FittedCalibration:
        """Fit the map from a judge's scores to what people say, and keep it for that judge and rubric.

        Judges with `calibrated=True` apply it. At most one of `precision`, `recall` and `flagged` proposes the
        threshold under which turns are flagged.

        Args:
            logs, labels, dialogue, settings, label_settings: as of `validate`.
            rubric: the rubric that is calibrated.
            judge: a judge as `analyze` takes it; its raw scores, without a second judge, are calibrated.
            precision: the share of the flagged turns that is to be bad, in (0, 1].
            recall: the share of the bad turns that is to be flagged, in (0, 1].
            flagged: the share of the turns that is to be flagged, in (0, 1].
            prior: use no labels: take out what the judge says where there is nothing to judge.
            samples: average that many sampled replies of the judge.
            seed: of folds and intervals.
            progress: is told how far it is.

        Raises:
            UsageError, RubricError: an argument is not valid, or the labels are too few or do not fit the scores.
            LogError: the labels file cannot be read.
            UnavailableError: the model cannot be had; what was judged until then is kept.
        """
        aim, chosen = aim_of(precision, recall, flagged), judge_or_default(judge)
        if not prior:
            labelled = self._labels(logs, labels, rubric, dialogue, settings, label_settings, progress, pairs="none")
            return await calibrate_on_labels(self.store, labelled, chosen, samples, aim, seed, progress)
        check_prior(logs, labels, aim)
        return await calibrate_prior(self.store, chosen, rubrics_of(rubric)[0], samples)

    async def calibrations(self) -> StoredCalibrations:
        """Return the calibrations that the store holds by their numbers, the oldest first."""
        return StoredCalibrations(calibrations(self.store))

    async def remove_calibration(self, number: int) -> None:
        """Take a calibration out of the store; scores that are kept stay what they are.

        Raises:
            UsageError: there is no calibration of that number.
        """
        take_out(self.store, number)

    async def measure_noise(
        self,
        logs: Logs | None = None,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike | None = None,
        *,
        n: int = MIN_TURNS,
        samples: int | None = None,
        calibrated: bool | None = None,
        seed: int = 0,
        settings: LogSettings = LogSettings(),
        progress: Progress = Progress(),
    ) -> NoiseFloors:
        """Judge the same turns again under changes that mean nothing; each rubric's noise floor is kept in the store.

        Args:
            logs: conversations as `analyze` takes them; None = those of the store.
            rubrics, judge, samples, calibrated, settings, progress: as of `analyze`; a second judge is not asked.
            n: how many turns, spread over the conversations, at least 20.
            seed: of the orders that examples are shuffled into.

        Returns:
            One noise floor for each rubric: 95 % of the changes move a score by less than its `value`, in [0, 1].

        Raises:
            UsageError, RubricError: an argument is not valid, or fewer than 20 turns could be scored.
            UnavailableError: the model cannot be had; floors that were measured until then are kept.
        """
        chosen = rubrics_of(rubrics)
        sources, reader = self._sources(logs, settings)
        turns = assistant_turns(self.store, sources, n, progress)
        if reader is not None:
            tell_replaced(reader.replaced, progress)
        return await measure_noise(
            self.store, turns, chosen, judge_or_default(judge), seed, progress, samples=samples, calibrated=calibrated
        )

    async def train_head(
        self,
        logs: Logs | None = None,
        labels: str | Path | None = None,
        *,
        rubric: RubricLike,
        model: ModelLike = "embedded",
        licence: str | None = None,
        dialogue: str | None = None,
        settings: LogSettings = LogSettings(),
        label_settings: LabelSettings = LabelSettings(),
        progress: Progress = Progress(),
    ) -> TrainedHead:
        """Train a head: a linear layer that makes a small local model judge as the labels do.

        The model reads each labelled turn once; what was read is kept, so a stopped training goes on. Where the model
        brings a head for the rubric, that head is corrected; `embedded?head=none` begins from nothing.

        Args:
            logs, labels, dialogue, settings, label_settings, progress: as of `validate`; no dialogue is split between
                training and held-out turns.
            rubric: what the labels answer.
            model: whose hidden states are read: `embedded`, `local:REPO_OR_FOLDER`, or a prepared model of your own.
            licence: the labels' licence, for the head's card.

        Returns:
            The head; `write` puts it into a file and returns the judge that judges with it.

        Raises:
            UsageError, RubricError: an argument is not valid, or the labels are too few.
            LogError: the labels file cannot be read.
            UnavailableError: the model cannot be had.
        """
        labelled = self._labels(logs, labels, rubric, dialogue, settings, label_settings, progress)
        return await train_head(self.store, labelled, model, licence, progress)

    def _labels(
        self,
        logs: Logs | None,
        labels: str | Path | None,
        rubrics: RubricLike | Sequence[RubricLike] | None,
        dialogue: str | None,
        settings: LogSettings,
        label_settings: LabelSettings,
        progress: Progress,
        *,
        runs: Sequence[int] = (),
        pairs: Pairs = "all",
    ) -> LabelSet:
        chosen = labelled_rubrics(self.store, rubrics, runs)
        sources, reader = self._sources(logs, settings, runs)
        if rubrics is None:
            pairs = "named"  # what a pair without a rubric answers is known only where the rubric was named
        labelled = label_set(self.store, sources, labels, label_settings, chosen, progress, dialogue, pairs)
        if reader is not None:
            tell_replaced(reader.replaced, progress)
        return labelled

    def _sources(
        self, logs: Logs | None, settings: LogSettings, runs: Sequence[int] = ()
    ) -> tuple[list[ConversationSource], LogReader | None]:
        """Return where conversations are: in the logs, else in what the runs are of, else all that is stored."""
        if logs is not None and not are_paths(logs):
            return [MemorySource(conversations_of(logs))], None
        reader = settings.reader()
        if logs is not None:
            return [LogSource(reader, find_logs(as_paths(logs)))], reader
        return [LogSource(reader, stored=run) for run in runs or (0,)], reader
