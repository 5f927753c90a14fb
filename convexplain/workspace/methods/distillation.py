"""Distillation: the team's own small judge learns from a strong one."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from convexplain.analysis.progress import Progress
from convexplain.connectors.labels import LabelSettings
from convexplain.errors import UnavailableError
from convexplain.judges.heads import check_turn_rubrics
from convexplain.rubrics import HEADLINE

from ..distillation import TURNS, TeachingTask, check_teacher, distill, plan_distillation, sampled_turns
from ..distillation_results import Distillation, DistillationPlan
from ..inputs import Logs, RubricLike, rubrics_of
from ..judge_arguments import JudgeLike, ModelLike
from ..logs import LogSettings
from .agreement import AgreementMethods
from .base import tell_replaced


class DistillationMethods(AgreementMethods):
    """Distillation: the team's own small judge learns from a strong one."""

    async def distill(
        self,
        logs: Logs | None = None,
        *,
        teacher: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        student: ModelLike = "embedded",
        turns: int = TURNS,
        labels: str | Path | None = None,
        licence: str | None = None,
        dialogue: str | None = None,
        seed: int = 0,
        settings: LogSettings = LogSettings(),
        label_settings: LabelSettings = LabelSettings(),
        progress: Progress = Progress(),
    ) -> Distillation:
        """Let a strong judge label a sample of a log, and train a head of a small model to judge as it does.

        A fifth of the dialogues is held out first: on turns of these, drawn at random, the student is compared with its
        teacher. Half of the training turns are drawn at random too; where the student brings a head for a maxim, the
        other half is spread over the range of its scores, so that rare bad turns are among them. The teacher judges
        into a run of the store, which goes on where it was stopped.

        Args:
            logs: conversations as `analyze` takes them; None = those of the store.
            teacher: the strong judge, as `analyze` takes it.
            rubrics: the maxims; the student learns a head for each.
            student: whose hidden states are read: `embedded`, `local:REPO_OR_FOLDER`, or a prepared model of your own.
            turns: how many turns the teacher judges, held-out ones among them; at least 100.
            labels: a file with people's labels: nothing is learnt from them, but teacher and student are compared with
                them too. Dialogues with labels are held out first.
            licence: of the teacher's scores, for the heads' cards.
            dialogue: the name in the conversations' metadata of what belongs together and is never split; None =
                `dialogue` where there is such a name, else each conversation is a dialogue.
            seed: of samples and intervals.
            settings, label_settings: how logs and the labels file are read.
            progress: receives how far it is.

        Returns:
            A head for each maxim, with how far it follows the teacher on held-out dialogues, before and after, and what
            both cost. `write` puts them into files and returns the judge that judges with them.

        Raises:
            UsageError, RubricError: an argument is not valid, the teacher is the student, fewer than 100 turns or 10
                dialogues can be used, or the teacher gives every turn the same score.
            LogError: the labels file cannot be read.
            UnavailableError: a model cannot be had; what was judged until then is kept.
        """
        await check_teacher(teacher, student)
        task = self._teaching_task(
            logs, teacher, rubrics, student, turns, labels, dialogue, seed, settings, label_settings, progress
        )
        return await distill(self.store, task, licence, progress)

    async def plan_distillation(
        self,
        logs: Logs | None = None,
        *,
        teacher: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        student: ModelLike = "embedded",
        turns: int = TURNS,
        labels: str | Path | None = None,
        dialogue: str | None = None,
        seed: int = 0,
        settings: LogSettings = LogSettings(),
        label_settings: LabelSettings = LabelSettings(),
        progress: Progress = Progress(),
    ) -> DistillationPlan:
        """Return what `distill` would ask with the same arguments, without asking anything.

        Raises:
            UsageError, RubricError, LogError: as of `distill`.
        """
        with suppress(UnavailableError):  # the plan says so
            await check_teacher(teacher, student)
        task = self._teaching_task(
            logs, teacher, rubrics, student, turns, labels, dialogue, seed, settings, label_settings, progress
        )
        return await plan_distillation(self.store, task)

    def _teaching_task(
        self,
        logs: Logs | None,
        teacher: JudgeLike,
        rubrics: RubricLike | Sequence[RubricLike],
        student: ModelLike,
        turns: int,
        labels: str | Path | None,
        dialogue: str | None,
        seed: int,
        settings: LogSettings,
        label_settings: LabelSettings,
        progress: Progress,
    ) -> TeachingTask:
        chosen = rubrics_of(rubrics)
        check_turn_rubrics(chosen)
        labelled = None
        if labels is not None:
            labelled = self._labels(logs, labels, chosen, dialogue, settings, label_settings, progress, pairs="none")
        sources, reader = self._sources(logs, settings)
        split = sampled_turns(self.store, sources, turns, dialogue, labelled, seed, progress)
        if reader is not None and labelled is None:
            tell_replaced(reader.replaced, progress)
        return TeachingTask(chosen, teacher, student, split, dialogue, labelled, seed)
