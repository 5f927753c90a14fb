"""People's labels: read from files, logs and the store, and matched with the turns that they are about."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from convexplain.agreement import LabelledTurn, dialogue_of, group_of
from convexplain.agreement.label_matching import match_labels
from convexplain.agreement.labels import LabelsFile, LogLabelSettings, MatchedLabels
from convexplain.agreement.validation import RunJudgements, TurnsToJudge, turns_to_judge
from convexplain.analysis.progress import Progress
from convexplain.analysis.sources import ConversationSource, LogSource, MemorySource
from convexplain.connectors.labels import LabelSettings, read_labels
from convexplain.errors import Problem, StoreError, UsageError
from convexplain.rubrics import rubric_ids
from convexplain.store import RunStore, ratings, run_rubrics
from convexplain.store.alarms import budget_rubrics
from convexplain.store.run_records import Purpose
from convexplain.types import Conversation, Rubric

from .build import BuiltJudge
from .inputs import RubricLike, rubrics_of
from .judge_arguments import JudgeLike, judge_spec
from .results import AnalyzedRun
from .runs import Analysis, run_analysis

Pairs: TypeAlias = Literal["all", "named", "none"]
"""Which pairs of answers count: all, those that name the rubric that they answer, or none."""


class LabelResult:
    """A result made of labels, with the labels that could not be used."""

    __slots__ = ()
    problems: tuple[Problem, ...]

    @property
    def left_out(self) -> int:
        """Return how many labels, records or files could not be used."""
        return sum(not problem.kept for problem in self.problems)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels with their turns.

    Attributes:
        matched: the labels.
        rubrics: the rubrics that have labels.
        turns: the turns that have labels or are one side of a pair.
        problems: what could not be used of labels and logs.
        name: where the labels are from.
        dialogue: the name in the conversations' metadata of what belongs together; None = the usual ones.
    """

    matched: MatchedLabels
    rubrics: tuple[Rubric, ...]
    turns: TurnsToJudge
    problems: tuple[Problem, ...]
    name: str
    dialogue: str | None

    def group(self, conversation: Conversation) -> Hashable:
        """Return the dialogue that a conversation belongs to."""
        return group_of(conversation, self.dialogue)

    def labelled(self, rubric: Rubric) -> list[LabelledTurn]:
        """Return the turns with labels on a rubric."""
        return [LabelledTurn(talk, turn, labels) for (talk, turn), labels in self.matched.ratings(rubric.id).items()]

    @property
    def analysis(self) -> Analysis:
        """The analysis that judges the turns."""
        talks = self.turns.conversations
        settings = {"logs": list(dict.fromkeys(talk.source for talk in talks)), "labelled": self.turns.sha}
        return Analysis(MemorySource(talks), self.rubrics, self.turns, self.turns.judgements, settings)


def labelled_rubrics(
    store: RunStore, rubrics: RubricLike | Sequence[RubricLike] | None, runs: Sequence[int]
) -> list[Rubric]:
    """Return the rubrics that were named, else those of the runs (of one id the first run's), else all shipped ones.

    Raises:
        UsageError, RubricError: as `rubrics_of`.
        StoreError: there is no such run.
    """
    of_runs: dict[str, Rubric] = {}
    for run in runs:
        record = store.run(run)
        for rubric in budget_rubrics(record, run_rubrics(store, record.id)):
            of_runs.setdefault(rubric.id, rubric)
    if rubrics is not None:
        return rubrics_of(rubrics)
    return list(of_runs.values()) or rubrics_of(rubric_ids())


def label_set(
    store: RunStore,
    sources: Sequence[ConversationSource],
    labels: str | Path | None,
    settings: LabelSettings,
    rubrics: Sequence[Rubric],
    progress: Progress,
    dialogue: str | None,
    pairs: Pairs,
) -> LabelSet:
    """Return the labels of a file, of the conversations themselves and of the store, with their turns.

    Args:
        store: the store.
        sources: the conversations among which labelled ones are looked for.
        labels: the labels file; None = only the labels in the conversations and in the store.
        settings: how it is read.
        rubrics: what the labels may answer.
        progress: is told of problems.
        dialogue: as of `LabelSet`.
        pairs: which pairs count.

    Raises:
        LogError: the file cannot be read at all.
        UsageError: the file's columns cannot be told, no label is there, or no conversation has `dialogue`.
    """
    ids, problems = {rubric.id for rubric in rubrics}, list[Problem]()

    def on_problem(problem: Problem) -> None:
        problems.append(problem)
        progress.problem(problem)

    progress.begin("reading labels")
    try:
        in_file = LabelsFile() if labels is None else read_labels(labels, rubrics, settings, on_problem)
        everything = match_labels(
            in_file,
            (conversation for source in sources for conversation in source.read(store, on_problem)),
            on_problem,
            in_logs=LogLabelSettings(
                rubrics, {name: rubric for name, rubric in settings.called.items() if rubric in ids}
            ),
            stored=((talk, rating) for talk, rating in ratings(store) if rating.rubric in ids),
        ).at_conversations(rubrics)
    finally:
        progress.end()
    counted = {"all": everything.preferences, "named": everything.preferences_with_rubric, "none": ()}[pairs]
    usable = replace(everything, preferences=counted)
    rated = tuple(rubric for rubric in rubrics if usable.ratings(rubric.id) or usable.pairs(rubric.id))
    if not rated:
        nameless = pairs == "named" and bool(everything.preferences)
        raise UsageError(_nothing(labels, rubrics, nameless=nameless))
    turns = turns_to_judge(usable, rated)
    if dialogue is not None and all(dialogue_of(talk, dialogue) is None for talk in turns.conversations):
        raise UsageError(f"dialogue {dialogue!r} is in the metadata of no conversation that has labels")
    return LabelSet(usable, rated, turns, tuple(problems), _name(labels, sources), dialogue)


async def judge_labelled(
    store: RunStore, labels: LabelSet, judge: JudgeLike, progress: Progress, purpose: Purpose, **options: Any
) -> tuple[AnalyzedRun, BuiltJudge]:
    """Judge the labelled turns into a run, and return it with its judge, which is closed by then.

    Args:
        store: the store.
        labels: the turns.
        judge, progress, options: as of `run_analysis`.
        purpose: what the run is for.
    """
    opened: list[BuiltJudge] = []
    analysis = replace(labels.analysis, purpose=purpose)
    options = without_reasons(judge, options)
    run = await run_analysis(store, analysis, judge, progress, on_built=opened.append, **options)
    if run.escalated:
        progress.note(run.escalated)
    for rubric, calibration in opened[0].calibrations.items():
        earlier, places = calibration.about.get("run"), labels.matched.ratings(rubric)
        judged = None if earlier is None else _judgements_of(store, earlier, run.run.judge)
        if judged and (seen := sum(judged.judgement(talk, turn, rubric) is not None for talk, turn in places)):
            progress.note(
                f"! {seen:,} of {len(places):,} labelled turns are among those that {run.run.judge} was calibrated on "
                f"for {rubric}: calibration error and Brier score look better here than on new ones"
            )
    return run, opened[0]


def without_reasons(judge: JudgeLike, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a judge of labelled turns: without reasons in words, unless they are asked for."""
    if options.get("reasons") is None and judge_spec(judge).reasons == "flagged":
        return {**options, "reasons": "none"}
    return options


def _judgements_of(store: RunStore, run: int, judge: str) -> RunJudgements | None:
    """Return the judgements of a run; None if it has been deleted."""
    try:
        return RunJudgements(store, run, judge)
    except StoreError:
        return None


def _name(labels: str | Path | None, sources: Sequence[ConversationSource]) -> str:
    if labels is not None:
        return Path(labels).name
    names = [log.name for source in sources if isinstance(source, LogSource) for log in source.logs]
    in_memory = any(isinstance(source, MemorySource) for source in sources)
    return ", ".join(names[:3]) or ("conversations" if in_memory else "labels in the store")


def _nothing(labels: str | Path | None, rubrics: Sequence[Rubric], *, nameless: bool) -> str:
    if nameless:
        return "there are pairs, but pairs say nothing of what they answer; name the maxim (command line: --rubric ID)"
    what = f"no label on {rubrics[0].id} was found" if len(rubrics) == 1 else "no label was found"
    if labels is None:
        return (
            f"{what}: label turns on the page Labels of the dashboard (`convexplain dashboard`), or name a labels file "
            "with the columns conversation, turn, rubric, and score or label (command line: --labels FILE), or logs "
            "that bring their labels"
        )
    return (
        f"{what}: no label of {labels} could be used, and the messages above say why; where the file has its own name "
        "for what was rated, say which rubric that is (command line: --called NAME=RUBRIC)"
    )
