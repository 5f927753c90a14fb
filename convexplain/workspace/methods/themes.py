"""Themes: the failure modes of a run, found, corrected by people, and made into rubrics."""

from collections.abc import Sequence

from convexplain.analysis.progress import Progress
from convexplain.analysis.themes.theme import Place
from convexplain.errors import UsageError
from convexplain.store.themes import StoredTheme, pin_theme, rename_theme, stored_theme, unpin_theme

from ..inputs import RunLike
from ..judge_arguments import JudgeLike
from ..results import AnalyzedRun
from ..theme_edits import add_turn, merge_themes, split_theme
from ..theme_results import RunTheme, RunThemes, ThemeTurn
from ..theme_rubrics import theme_rubric
from ..themes import (
    explanation_calls,
    run_themes,
    search_themes,
    theme_name,
    theme_turns,
)
from .base import StoreMethods


class ThemeMethods(StoreMethods):
    """Themes: the failure modes of a run, found, corrected by people, and made into rubrics."""

    async def themes(
        self,
        run: RunLike | None = None,
        *,
        judge: JudgeLike | None = None,
        lowest: float | None = None,
        explain: int = 0,
        progress: Progress = Progress(),
    ) -> RunThemes:
        """Group the flagged turns of a run by how they fail, and keep the themes in place of earlier ones.

        Flagged are turns below a threshold, and turns on which people wrote a note and gave a label below it. Pinned
        themes of all runs are found again; names that people gave to themes that are not pinned are lost.

        Args:
            run: the run's number or name; None takes the newest.
            judge: explains members, and names the themes where its model writes (one call a theme); None takes for each
                member the judge that its score is from, and that of the run for names where `explain` asks it anyway.
                Else names are made of what the turns do and of their distinctive phrases.
            lowest: on maxims whose scores only sort turns, take this share of the lowest scores, in (0, 1]; None takes
                a tenth where no maxim of the run may flag, and else leaves these maxims out.
            explain: explain so many members of each theme, the most typical first, at most 24 evaluations each; without
                explanations a common cause is seldom known.
            progress: receives how far it is.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid, or the run's judge cannot be opened again.
            UnavailableError: a model cannot be had; what was explained until then is kept.
        """
        return await search_themes(self._analyzed(run), judge, lowest, _checked(explain), progress)

    async def plan_themes(self, run: RunLike | None = None, *, lowest: float | None = None, explain: int = 0) -> int:
        """Return how many evaluations `themes` asks for at most, besides one call a theme for its name.

        Raises:
            StoreError: there is no such run.
            UsageError: an argument is not valid.
        """
        return explanation_calls(self._analyzed(run), lowest, explain) if _checked(explain) else 0

    async def stored_themes(self, run: RunLike | None = None) -> RunThemes | None:
        """Return the themes of a run that are kept, the largest first; None where nobody has looked for any.

        Raises:
            StoreError: there is no such run.
        """
        return run_themes(self._analyzed(run))

    async def theme_turns(self, theme: int) -> list[ThemeTurn]:
        """Return all turns of a theme, the most typical first, each with the sentence that says why it has its score.

        Raises:
            StoreError: there is no such theme.
        """
        run, stored = self._theme(theme)
        return list(theme_turns(run, stored.theme))

    async def rename_theme(self, theme: int, name: str) -> RunTheme:
        """Give a theme another name, a pinned one in all runs, and return it.

        Raises:
            StoreError: there is no such theme.
            UsageError: the name is empty or longer than 80 characters.
        """
        _, stored = self._theme(theme)
        rename_theme(self.store, stored.number, theme_name(name))
        return self._current(theme)

    async def merge_themes(self, first: int, *merged: int) -> RunTheme:
        """Put the turns of themes of one run into the first of them, which keeps its name, and return it.

        Raises:
            StoreError: there is no such theme.
            UsageError: there is no second theme, one is named twice, or they are of several runs.
        """
        run, stored = self._theme(first)
        merge_themes(run, stored, [self._theme(theme)[1] for theme in merged])
        return self._current(first)

    async def split_theme(self, theme: int, turns: Sequence[Place], name: str | None = None) -> RunTheme:
        """Move turns of a theme into a new one, and return the new one.

        Args:
            theme: the theme's number.
            turns: the turns that leave it: numbers of conversations in the store, and indices of turns.
            name: of the new theme; None takes its distinctive phrases.

        Raises:
            StoreError: there is no such theme.
            UsageError: the theme does not have these turns, or no others, or the name is not valid.
        """
        run, stored = self._theme(theme)
        return self._current(split_theme(run, stored, turns, name))

    async def add_to_theme(self, theme: int, turn: Place) -> RunTheme:
        """Put a judged turn into a theme of its run, out of the theme that it was in, and return the theme.

        Count and share are new at once; its phrases, trend and cause with the next search, merge or split.

        Args:
            theme: the theme's number.
            turn: the number of a conversation in the store, and the index of a turn.

        Raises:
            StoreError: there is no such theme.
            UsageError: the run has no score of the turn, or the theme that it was in would be empty.
        """
        run, stored = self._theme(theme)
        add_turn(run, stored, turn)
        return self._current(theme)

    async def pin_theme(self, theme: int) -> RunTheme:
        """Pin a theme, so that it is found again in later runs, and return it.

        Raises:
            StoreError: there is no such theme.
        """
        pin_theme(self.store, self._theme(theme)[1].number)
        return self._current(theme)

    async def unpin_theme(self, theme: int) -> RunTheme:
        """Unpin a theme in all runs, and return it.

        Raises:
            StoreError: there is no such theme.
        """
        unpin_theme(self.store, self._theme(theme)[1].number)
        return self._current(theme)

    async def theme_rubric(self, theme: int) -> str:
        """Return the draft of a rubric that asks whether a turn fails as those of a theme do, as YAML text.

        Raises:
            StoreError: there is no such theme.
            UsageError: the theme has too few different turns, or the run too few good ones, for examples.
        """
        return theme_rubric(*self._theme(theme))

    def _analyzed(self, run: RunLike | None) -> AnalyzedRun:
        return AnalyzedRun(self.store, self.store.run(run))

    def _theme(self, number: int) -> tuple[AnalyzedRun, StoredTheme]:
        stored = stored_theme(self.store, number)
        return self._analyzed(stored.run), stored

    def _current(self, number: int) -> RunTheme:
        run, stored = self._theme(number)
        return RunTheme(stored.number, run.id, stored.theme, theme_turns(run, stored.theme)[:3])


def _checked(explain: int) -> int:
    if explain < 0:
        raise UsageError(f"explain={explain} is not valid; it must be 0 or more")
    return explain
