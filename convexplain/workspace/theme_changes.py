"""The themes of two runs, compared."""

from convexplain.analysis.themes.changes import RunThemeMembers, ThemeChange, theme_changes
from convexplain.connectors.editors.sentence_vectors import word_vectors
from convexplain.store.themes import stored_themes, theme_search

from .flagged_turns import RunTurns
from .results import AnalyzedRun
from .themes import places_of


def compare_themes(first: AnalyzedRun, second: AnalyzedRun) -> list[ThemeChange] | None:
    """Return how the themes of two runs changed; None where nobody has looked for themes in one of them."""
    searches = [theme_search(run.store, run.id) for run in (first, second)]
    if searches[0] is None or searches[1] is None:
        return None
    before, after = RunTurns(first, searches[0].lowest), RunTurns(second, searches[1].lowest)
    judged = searches[0].judged, searches[1].judged
    return theme_changes(_members(before), _members(after), judged, before.groups().good, word_vectors)


def _members(turns: RunTurns) -> list[RunThemeMembers]:
    themes = [stored.theme for stored in stored_themes(turns.run.store, turns.run.id)]
    return [RunThemeMembers(theme, turns.turns(places_of(theme.members[:50]))) for theme in themes]
