"""Comparisons: what got better or worse from one run to another."""

from convexplain.analysis.comparison import Direction

from ..changed_turns import ChangedTurns
from ..comparisons import RunComparison, compare_runs, list_changed_turns
from ..inputs import RunLike
from ..results import AnalyzedRun
from ..theme_changes import ThemeChanges, compare_themes
from .base import StoreMethods


class ComparisonMethods(StoreMethods):
    """Comparisons: what got better or worse from one run to another."""

    async def compare(self, first: RunLike, second: RunLike, turns: int = 5) -> RunComparison:
        """Return what changed from one run to another: a verdict on each maxim, and the turns that moved most.

        Turns are compared that both runs have judged; where there is none, only the averages of the runs are.

        Args:
            first, second: the runs; differences are second − first.
            turns: how many of the turns that fell and rose most are named for each maxim.

        Raises:
            StoreError: there is no such run.
            UsageError: they are the same run, or have no maxim in common.
        """
        return compare_runs(self.store, self.store.run(first), self.store.run(second), turns)

    async def changed_turns(
        self,
        first: RunLike,
        second: RunLike,
        rubric: str,
        direction: Direction = "fell",
        *,
        limit: int = 20,
        offset: int = 0,
        place: tuple[int, int] | None = None,
    ) -> ChangedTurns:
        """Return the turns whose scores moved by more than the judges' noise, the largest movement first.

        Args:
            first, second: the runs.
            rubric: the maxim's id.
            direction: `fell`, `rose`, or `all`.
            limit, offset: which part of the list.
            place: only this turn, however far it moved: the conversation's number in the store, in the first run, and
                the turn's index.

        Raises:
            StoreError: there is no such run.
            UsageError: they are the same run, or one of them has not judged by the maxim.
        """
        runs = self.store.run(first), self.store.run(second)
        return list_changed_turns(self.store, *runs, rubric, direction, limit, offset, place)

    async def compare_themes(self, first: RunLike, second: RunLike) -> ThemeChanges:
        """Return how the themes of two runs changed, those that grew most first.

        It holds none, but a reason, where nobody has looked for themes in one of the runs (`themes` does), and where
        the searches grouped turns of other maxims or by another rule.

        Raises:
            StoreError: there is no such run.
        """
        runs = [AnalyzedRun(self.store, self.store.run(run)) for run in (first, second)]
        return compare_themes(runs[0], runs[1])
