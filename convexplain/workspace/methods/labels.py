"""People's labels: the queue of turns to label, labels, and their progress."""

from collections.abc import Collection

from convexplain.analysis.themes.theme import Place
from convexplain.errors import UsageError
from convexplain.explain.explanations import chosen_rubrics
from convexplain.store import ScoredTurn
from convexplain.store.triage import delete_rating
from convexplain.types import Rating

from ..inputs import RunLike
from ..results import AnalyzedRun
from ..triage import LabelProgress, RunLabels, TriageQueue, keep_label, reviewer_name
from .base import StoreMethods


class LabelMethods(StoreMethods):
    """People's labels: the queue of turns to label, labels, and their progress."""

    async def triage(
        self,
        run: RunLike | None = None,
        rubric: str = "helpfulness",
        *,
        reviewer: str,
        limit: int = 20,
        second: bool = False,
        skip: Collection[Place] = (),
    ) -> TriageQueue:
        """Return the turns of a run that a person labels next: random, lowest-scored and uncertain ones in turn.

        Turns that anybody has labelled do not come again. The random ones, and labels that random ones had already,
        are a random sample of all scored turns.

        Args:
            run: the run's number or name; None takes the newest.
            rubric: the id of the maxim.
            reviewer: the person's name.
            limit: the most turns.
            second: instead the turns that other people have labelled and this person has not.
            skip: leave these turns out: numbers of conversations in the store, and indices of turns.

        Raises:
            StoreError: there is no such run.
            UsageError: the name is not valid, the limit is below 1, or the run was not judged on the maxim.
        """
        if limit < 1:
            raise UsageError(f"limit={limit} is not valid; it must be 1 or more")
        return self._run_labels(run, rubric).queue(reviewer_name(reviewer), limit, second=second, skip=skip)

    async def label(self, turn: ScoredTurn, label: str | float, *, reviewer: str, note: str | None = None) -> Rating:
        """Keep a person's label of a turn, in place of an earlier one by the same person, and return it.

        Args:
            turn: the turn, as of `triage`.
            label: a label of the turn's maxim, or a score in [0, 1], 1 = satisfied.
            reviewer: the person's name.
            note: what the person says about it; themes use it.

        Raises:
            UsageError: the label or the name is not valid.
        """
        return keep_label(self.store, turn, label, reviewer, note)

    async def remove_label(self, turn: ScoredTurn, *, reviewer: str) -> None:
        """Delete a person's label of a turn; nothing happens where there is none.

        Raises:
            UsageError: the name is not valid.
        """
        delete_rating(self.store, turn.number, turn.turn, turn.rubric.id, reviewer_name(reviewer))

    async def label_progress(
        self, run: RunLike | None = None, rubric: str = "helpfulness", *, reviewer: str = ""
    ) -> LabelProgress:
        """Return how many labels `validate` still needs, and what the labels so far say of the judge and of each other.

        Args:
            run: the run's number or name; None takes the newest.
            rubric: the id of the maxim.
            reviewer: whose labels are compared with those of other people.

        Raises:
            StoreError: there is no such run.
            UsageError: the run was not judged on the maxim.
        """
        return self._run_labels(run, rubric).progress(reviewer)

    def _run_labels(self, run: RunLike | None, rubric: str) -> RunLabels:
        record = self.store.run(run)
        (maxim,) = chosen_rubrics(self.store, record, [rubric])
        return RunLabels(AnalyzedRun(self.store, record), maxim)
