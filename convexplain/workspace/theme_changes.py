"""The themes of two runs, compared."""

from dataclasses import dataclass

from convexplain.analysis.themes.changes import RunThemeMembers, ThemeChange, theme_changes
from convexplain.connectors.editors.sentence_vectors import word_vectors
from convexplain.store.themes import stored_themes, theme_search

from .flagged_turns import RunTurns
from .results import AnalyzedRun
from .themes import places_of

NOT_SEARCHED = "Nobody has looked for themes in one of the runs."


@dataclass(frozen=True, slots=True)
class ThemeChanges:
    """The changes of themes from one run to another.

    Attributes:
        changes: those that grew most first; None where the themes cannot be compared.
        reason: why they cannot; empty where they can.
    """

    changes: tuple[ThemeChange, ...] | None
    reason: str = ""


def compare_themes(first: AnalyzedRun, second: AnalyzedRun) -> ThemeChanges:
    """Return how the themes of two runs changed.

    They are compared where both runs have been searched, by one rule: on the same maxims, and with the same limits.
    """
    searches = [theme_search(run.store, run.id) for run in (first, second)]
    if searches[0] is None or searches[1] is None:
        return ThemeChanges(None, NOT_SEARCHED)
    if searches[0].basis != searches[1].basis:
        sides = zip((first, second), searches, strict=True)
        bases = " ".join(f"Run {run.id}: {search.basis}" for run, search in sides if search is not None)
        return ThemeChanges(None, f"Themes are not compared, for other turns were grouped in each run. {bases}")
    before, after = RunTurns(first, searches[0].lowest), RunTurns(second, searches[1].lowest)
    judged = searches[0].judged, searches[1].judged
    changes = theme_changes(_members(before), _members(after), judged, before.groups().good, word_vectors)
    return ThemeChanges(tuple(changes))


def _members(turns: RunTurns) -> list[RunThemeMembers]:
    themes = [stored.theme for stored in stored_themes(turns.run.store, turns.run.id)]
    return [RunThemeMembers(theme, turns.turns(places_of(theme.members[:50]))) for theme in themes]
