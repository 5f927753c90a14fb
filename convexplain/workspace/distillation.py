"""Distillation: a strong judge labels a sample of a log, and heads of a small model learn from it."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from convexplain import __version__
from convexplain.agreement import dialogue_of, group_of
from convexplain.agreement.validation import RunJudgements, TurnsToJudge
from convexplain.analysis.pipeline import turns_to_judge
from convexplain.analysis.progress import Progress
from convexplain.analysis.sources import ConversationSource, MemorySource
from convexplain.errors import UsageError
from convexplain.judges.distillation import judging_cost
from convexplain.judges.head_training import TurnKey, turn_features
from convexplain.judges.heads import BringsHeads, Head, scoring_fingerprint, weights_of
from convexplain.judges.turn_samples import MIN_TURNS, SplitTurns, draw_sample, split_turns
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache, ChatModel, Reply, Spend
from convexplain.store import RunStore
from convexplain.types import Conversation, Rubric

from .build import BuiltJudge, PendingJudge, open_calls
from .distillation_results import Distillation, DistillationPlan, DistilledHead
from .judge_arguments import JudgeLike, ModelLike, judge_spec, opened_model
from .labels import LabelSet
from .lessons import Features, Lesson, brought_head, most_frequent
from .runs import Analysis, plan_analysis, run_analysis

__all__ = ["MIN_TURNS", "TURNS", "TeachingTask", "check_teacher", "distill", "plan_distillation", "sampled_turns"]

TURNS = 2000
"""Turns that a teacher labels by default."""
_POOL = 2  # training turns that the student reads to choose a sample among them, as a multiple of the sample


@dataclass(frozen=True, slots=True)
class TeachingTask:
    """A log's turns, who learns from whom, and what.

    Attributes:
        rubrics: the maxims.
        teacher: the judge that labels.
        student: the model whose hidden states are read.
        split: the log's turns.
        dialogue: the name in the conversations' metadata of what belongs together; None = the usual ones.
        labels: people's labels, which nothing is learnt from; None without.
        seed: of samples and intervals.
    """

    rubrics: Sequence[Rubric]
    teacher: JudgeLike
    student: ModelLike
    split: SplitTurns
    dialogue: str | None = None
    labels: LabelSet | None = None
    seed: int = 0

    @property
    def teacher_name(self) -> str:
        """Return the teacher's name, without secrets."""
        return judge_spec(self.teacher).public

    def group(self, conversation: Conversation) -> Hashable:
        """Return the dialogue that a conversation belongs to."""
        return group_of(conversation, self.dialogue)

    def pool(self, student: ChatModel) -> tuple[TurnKey, ...]:
        """Return the training turns that the student reads: more than the sample where it can choose among them."""
        chooses = any(brought_head(student, rubric) for rubric in self.rubrics)
        return self.split.training[: self.split.size * (_POOL if chooses else 1)]

    def analysis(self, sample: Sequence[TurnKey]) -> Analysis:
        """Return the analysis in which the teacher judges a sample on all maxims."""
        turns: dict[Conversation, list[int]] = {}
        for conversation, turn in sample:
            turns.setdefault(conversation, []).append(turn)
        places = {(talk, rubric.id): tuple(sorted(turns[talk])) for talk in turns for rubric in self.rubrics}
        chosen = TurnsToJudge(tuple(turns), places)
        settings = {"logs": list(dict.fromkeys(talk.source for talk in turns)), "sampled": chosen.sha}
        return Analysis(MemorySource(chosen.conversations), self.rubrics, chosen, chosen.judgements, settings)


def _heads_of(model: ChatModel) -> tuple[Head, ...]:
    return model.heads if isinstance(model, BringsHeads) else ()


async def check_teacher(teacher: JudgeLike, student: ModelLike) -> None:
    """Check that the teacher is another judge than the student, and does not score by the student's own heads.

    Raises:
        UsageError: it is not, or there is no such model.
    """
    spec = judge_spec(teacher)
    strong = PendingJudge(teacher, spec)
    small = opened_model(student)
    try:
        if spec.samples is None and scoring_fingerprint(strong.model) == scoring_fingerprint(small):
            raise UsageError(f"teacher {spec.public!r} is the student itself; name a stronger judge")
        if spec.samples is None and set(_heads_of(strong.model)) & set(_heads_of(small)):
            raise UsageError(
                f"teacher {spec.public!r} scores by the student's own heads; name a stronger judge "
                "('small?head=none' asks the model of small itself)"
            )
    finally:
        await strong.aclose()
        if small is not student:
            await small.aclose()


def sampled_turns(
    store: RunStore,
    sources: Sequence[ConversationSource],
    n: int,
    dialogue: str | None,
    labels: LabelSet | None,
    seed: int,
    progress: Progress,
) -> SplitTurns:
    """Read the assistant turns of conversations that are not blank, and split them by dialogue.

    Raises:
        UsageError: n is too small, there are too few turns or dialogues, or no conversation has `dialogue`.
    """
    progress.begin("reading")
    try:
        talks = [talk for source in sources for talk in source.read(store, progress.problem)]
    finally:
        progress.end()
    if dialogue is not None and all(dialogue_of(talk, dialogue) is None for talk in talks):
        raise UsageError(f"dialogue {dialogue!r} is in the metadata of no conversation")
    turns = dict.fromkeys(
        (talk, turn) for talk in talks for turn in turns_to_judge(talk, "all") if talk.turns[turn].content.strip()
    )
    labelled = {(talk, rating.turn) for talk, rating in labels.matched.rated} if labels is not None else set()
    return split_turns(list(turns), n, lambda talk: group_of(talk, dialogue), seed, labelled)


async def plan_distillation(store: RunStore, task: TeachingTask) -> DistillationPlan:
    """Return what `distill` would ask, without asking anything."""
    held_out = task.split.held_out
    sample = [*held_out, *task.split.training[: task.split.size]]
    student = opened_model(task.student)
    try:
        reads = len(held_out) + len(task.pool(student))
    finally:
        if student is not task.student:
            await student.aclose()
    plan = await plan_analysis(store, task.analysis(sample), task.teacher, reasons="none")
    ids = tuple(rubric.id for rubric in task.rubrics)
    return DistillationPlan(ids, len(sample), len(held_out), reads, judge_spec(task.student).public, plan)


async def distill(store: RunStore, task: TeachingTask, licence: str | None, progress: Progress) -> Distillation:
    """Read turns by the student, let the teacher judge a sample of them into a run, and fit a head for each maxim."""
    metered = _MeteredCache(store)
    async with open_calls(task.student, metered) as calls:
        student = calls.model
        features = await _read(calls, [*task.split.held_out, *task.pool(student)], progress)
    held_out = [key for key in task.split.held_out if key in features]
    training = _training_sample(task, student, features)
    sample = [*held_out, *training]
    progress.note(
        f"{task.teacher_name} judges {len(sample):,} turns on {', '.join(rubric.id for rubric in task.rubrics)}; "
        f"{len(held_out):,} of them are held out."
    )
    built: list[BuiltJudge] = []
    analysis = task.analysis(sample)
    run = await run_analysis(store, analysis, task.teacher, progress, on_built=built.append, reasons="none")
    teacher_cost = judging_cost(sum(built[0].spends, Spend()), len(sample) * len(task.rubrics))
    lesson = Lesson(
        teacher=task.teacher_name,
        judgements=RunJudgements(store, run.id, task.teacher_name),
        model=student,
        features=features,
        held_out=held_out,
        training=training,
        group=task.group,
        labels=task.labels,
        costs={"teacher": teacher_cost, "student": judging_cost(metered.spend, len(features))},
        card={
            "model_name": student.name,
            "version": __version__,
            "licence": licence or "not given",
            "teacher": {"name": task.teacher_name, "fingerprint": weights_of(built[0].model)},
        },
        seed=task.seed,
    )
    heads, refused = _heads(lesson, task.rubrics, progress)
    return Distillation(
        heads=heads,
        teacher=task.teacher_name,
        student=judge_spec(task.student),
        run=run.id,
        turns=len(sample),
        held_out=len(held_out),
        costs=lesson.costs,
        refused=refused,
        problems=() if task.labels is None else task.labels.problems,
    )


@dataclass(slots=True)
class _MeteredCache:
    """A cache that adds up the cost of all replies, of those that were there already too."""

    cache: Cache
    spend: Spend = field(default_factory=Spend)

    def get(self, key: str) -> Reply | None:
        reply = self.cache.get(key)
        if reply is not None:
            self.spend.add(reply)
        return reply

    def put(self, key: str, model: str, reply: Reply) -> None:
        self.spend.add(reply)
        self.cache.put(key, model, reply)


def _heads(
    lesson: Lesson, rubrics: Sequence[Rubric], progress: Progress
) -> tuple[tuple[DistilledHead, ...], dict[str, str]]:
    """Return a head for each maxim, and the maxims without one, each with the reason.

    Raises:
        UsageError: there is no head at all.
    """
    heads, refused = list[DistilledHead](), dict[str, str]()
    progress.begin("fitting", len(rubrics))
    try:
        for rubric in rubrics:
            try:
                heads.append(lesson.learn(rubric))
            except UsageError as error:
                refused[rubric.id] = str(error)
            progress.advance()
    finally:
        progress.end()
    if not heads:
        raise UsageError("no head was trained. " + "; ".join(f"{rubric}: {why}" for rubric, why in refused.items()))
    return tuple(heads), refused


async def _read(calls: Calls, keys: Sequence[TurnKey], progress: Progress) -> Features:
    """Read the features of turns.

    Raises:
        UsageError: too few turns have features.
    """
    progress.begin("turns", len(keys))
    try:
        features, failed = await turn_features(calls, keys, on_turn=progress.advance)
    finally:
        progress.end()
    if len(features) < MIN_TURNS:
        raise UsageError(
            f"{calls.model.name} could read {len(features):,} of {len(keys):,} turns; at least {MIN_TURNS} are needed"
            f"{most_frequent(Counter(failed))}"
        )
    for reason, count in failed.items():
        progress.note(f"! {count:,} x left out: {reason}")
    return features


def _training_sample(task: TeachingTask, student: ChatModel, features: Features) -> list[TurnKey]:
    """Return the training turns that the teacher labels."""
    pool = [key for key in task.pool(student) if key in features]
    heads = [head for rubric in task.rubrics if (head := brought_head(student, rubric)) is not None]
    scores = [{key: head.score(features[key]) for key in pool} for head in heads]
    return draw_sample(pool, scores, task.split.size, task.seed)
