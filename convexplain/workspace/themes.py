"""The themes of a run: found, kept, and corrected by people."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from convexplain.analysis.progress import Progress
from convexplain.analysis.themes.causes import common_cause
from convexplain.analysis.themes.finding import find_themes
from convexplain.analysis.themes.theme import (
    CandidateTurn,
    FlaggedTurn,
    JudgedGroups,
    PinnedTheme,
    Place,
    Theme,
    ThemeMember,
    Themes,
)
from convexplain.connectors.editors.sentence_vectors import word_vectors
from convexplain.errors import UsageError
from convexplain.explain.headlines import headline, not_low
from convexplain.explain.settings import AttributionSettings
from convexplain.store import RunStore, ScoredTurn, newest_attributions
from convexplain.store.themes import (
    ThemeSearch,
    keep_themes,
    pinned_themes,
    stored_themes,
    theme_search,
)
from convexplain.text.visible import one_line

from .explanations import ExplanationModels, explain_scopes, turn_scopes
from .flagged_turns import RunTurns
from .judge_arguments import JudgeLike
from .results import AnalyzedRun
from .tasks import ShortTask
from .theme_names import with_model_names
from .theme_results import RunTheme, RunThemes, ThemeTurn

MEMBER_BUDGET = 24
"""The most evaluations for the explanation of one member of a theme."""

_TASK = ShortTask(AttributionSettings(levels=("turn", "sentence"), budget=MEMBER_BUDGET), contrast=None)
_TYPICAL = 3  # members that are shown of a theme
_POOL = 20  # the most typical members, of which they are taken
_NAME = 80  # characters of a theme's name
_QUICK = 5_000  # turns of a run whose themes are found in seconds
_QUICK_FLAGGED = 500  # turns below a threshold of such a run: the time grows with their square
_OF_PINNED = 50  # members of a pinned theme that new turns are compared with: the most typical


def run_themes(run: AnalyzedRun) -> RunThemes | None:
    """Return the stored themes of a run; None where nobody has looked for any."""
    search = theme_search(run.store, run.id)
    if search is None:
        return None
    stored = stored_themes(run.store, run.id)
    turns = members_of(run, (member for each in stored for member in each.theme.members[:_POOL]))
    themes = (
        RunTheme(each.number, run.id, each.theme, _typical(turns, _examples(turns, each.theme.members[:_POOL])))
        for each in stored
    )
    return RunThemes(run.id, search, tuple(themes))


async def search_themes(
    run: AnalyzedRun, judge: JudgeLike | None, lowest: float | None, explain: int, progress: Progress
) -> RunThemes:
    """Find the themes of a run, keep them in place of earlier ones, and return them.

    Args:
        run: the run.
        judge: explains members, and names the themes; None takes for each the judge that its score is from.
        lowest: as of `RunTurns`.
        explain: how many members of each theme are explained, the most typical first.
        progress: receives how far it is.
    """
    turns = RunTurns(run, lowest)
    progress.begin("finding themes")
    try:
        groups, candidates = turns.groups(), turns.candidates()
        themes = _found(turns, groups, candidates)
    finally:
        progress.end()
    if explain and themes.themes:
        places = [place for theme in themes.themes for place in places_of(theme.members[:explain])]
        await _explain(turns, places, judge, progress)
        themes = replace(themes, themes=tuple(_with_cause(turns, theme, groups) for theme in themes.themes))
    if themes.themes and (explain or judge is not None):
        members = [candidate.turn for candidate in candidates]
        themes = await with_model_names(run.store, run.run, themes, members, judge, progress)
    flagged = len(turns.flagged)
    search = ThemeSearch(len(turns.scores), flagged, turns.basis, themes.ungrouped, lowest, explain, turns.remarks)
    keep_themes(run.store, run.id, search, themes.themes)
    stored = run_themes(run)
    assert stored is not None  # it was kept above
    return stored


async def search_missing_themes(run: AnalyzedRun) -> None:
    """Find the themes of a complete run where nobody has looked for any and it takes seconds. No model is asked."""
    quick = run.summary.turns <= _QUICK and run.low_turns <= _QUICK_FLAGGED
    if quick and run.run.status == "done" and theme_search(run.store, run.id) is None:
        await search_themes(run, None, None, 0, Progress())


def explanation_calls(run: AnalyzedRun, lowest: float | None, explain: int) -> int:
    """Return how many evaluations the explanations of members take at most; nothing is asked."""
    turns = RunTurns(run, lowest)
    themes = _found(turns, turns.groups(), turns.candidates())
    return sum(min(explain, len(theme.members)) for theme in themes.themes) * MEMBER_BUDGET


def _found(turns: RunTurns, groups: JudgedGroups, candidates: Sequence[CandidateTurn]) -> Themes:
    """Return the themes of a run, with the pinned ones of all runs."""
    flagged = turns.turns(turns.flagged)
    return find_themes(flagged, groups, word_vectors, _pinned(turns.run.store, turns), candidates)


def theme_name(text: str) -> str:
    """Return a theme's name in one line.

    Raises:
        UsageError: it is empty or too long.
    """
    name = one_line(text).strip()
    if not name or len(name) > _NAME:
        raise UsageError(f"name {text[:_NAME]!r} is not valid; write 1 to {_NAME} characters")
    return name


def theme_turns(run: AnalyzedRun, theme: Theme) -> tuple[ThemeTurn, ...]:
    """Return the turns of a theme of a run, the most typical first, each with its headline."""
    return _typical(members_of(run, theme.members), theme.members)


def members_of(run: AnalyzedRun, members: Iterable[ThemeMember]) -> RunTurns:
    """Return the turns of the conversations of members of themes, as the last search for themes took them."""
    search = theme_search(run.store, run.id)
    return RunTurns(run, search.lowest if search else None, frozenset(member.number for member in members))


def places_of(members: Iterable[ThemeMember]) -> list[Place]:
    """Return the places of members of themes."""
    return [(member.number, member.turn) for member in members]


def _examples(turns: RunTurns, members: Sequence[ThemeMember]) -> list[ThemeMember]:
    """Return the members that stand for a theme: the most typical ones, flagged ones before others."""
    return sorted(members, key=lambda member: (member.number, member.turn) not in turns.failures)[:_TYPICAL]


def _typical(turns: RunTurns, members: Sequence[ThemeMember]) -> tuple[ThemeTurn, ...]:
    scores = [turns.score_of(place) for place in places_of(members) if place in turns.scores]
    judged = turns.judged(scores)
    return tuple(_theme_turn(turns.run, judged[score.place]) for score in scores if score.place in judged)


def _theme_turn(run: AnalyzedRun, turn: ScoredTurn) -> ThemeTurn:
    flags = run.marks[turn.rubric.id].flags and not turn.rubric.of_conversation
    if flags and turn.score is not None and turn.score >= turn.rubric.threshold:
        sentence = not_low(turn.turn, turn.rubric, turn.score)
    else:
        levels = newest_attributions(run.store, run.id, turn)
        sentence = headline(
            turn.conversation, turn.turn, turn.rubric, turn.score, turn.reason, turn.reason_quotes, levels, None
        )
    return ThemeTurn(turn, run.marks[turn.rubric.id], sentence)


def _pinned(store: RunStore, turns: RunTurns) -> list[PinnedTheme]:
    """Return the pinned themes of all runs with their members, the most typical ones."""
    pinned: list[PinnedTheme] = []
    for line, themes in pinned_themes(store).items():
        members: list[FlaggedTurn] = []
        for stored in themes:
            typical = stored.theme.members[: _OF_PINNED // len(themes) + 1]
            run = turns.run if stored.run == turns.run.id else AnalyzedRun(store, store.run(stored.run))
            members += members_of(run, typical).turns(places_of(typical))
        if members:
            pinned.append(PinnedTheme(line, themes[-1].theme.name, members))
    return pinned


def _with_cause(turns: RunTurns, theme: Theme, groups: JudgedGroups) -> Theme:
    """Return a theme with the cause that its members have in common now that more of them are explained."""
    places = places_of(theme.members)
    good = [turn for turn in groups.good if turn.place not in places]  # members need not be flagged
    return replace(theme, cause=common_cause(turns.turns(places), good))


async def _explain(turns: RunTurns, places: Sequence[Place], judge: JudgeLike | None, progress: Progress) -> None:
    run = turns.run
    judged = list(turns.judged(turns.score_of(place) for place in places).values())
    rubrics = list({turn.rubric.sha: turn.rubric for turn in judged}.values())
    scopes = turn_scopes(run.store, run.run, rubrics, judged, _TASK, judge)
    await explain_scopes(scopes, _TASK, ExplanationModels(), progress, lambda turn, answer: None)
