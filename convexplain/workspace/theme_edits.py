"""Corrections of themes by people: two become one, or one becomes two; their figures are computed again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from convexplain.analysis.themes.finding import described_theme
from convexplain.analysis.themes.statistics import excesses
from convexplain.analysis.themes.theme import FlaggedTurn, JudgedGroups, Place, Theme, ThemeMember
from convexplain.errors import UsageError
from convexplain.fidelity import proportion
from convexplain.store.themes import StoredTheme, keep_ungrouped, replace_themes, stored_themes, theme_search
from convexplain.store.turn_scores import turn_scores

from .flagged_turns import RunTurns
from .results import AnalyzedRun
from .themes import places_of, theme_name


def merge_themes(run: AnalyzedRun, first: StoredTheme, merged: Sequence[StoredTheme]) -> None:
    """Put the turns of themes into the first of them, which keeps its name and its pin.

    Raises:
        UsageError: there is no second theme, one is named twice, or they are of several runs.
    """
    numbers = [first.number, *(theme.number for theme in merged)]
    if len(set(numbers)) < max(len(numbers), 2):
        raise UsageError(f"themes {', '.join(map(str, numbers))}: name at least two different themes")
    if any(theme.run != first.run for theme in merged):
        raise UsageError(f"theme {first.number} is of run {first.run}: only themes of one run can be merged")
    themes = {stored.number: stored.theme for stored in stored_themes(run.store, run.id)}
    members = {place: member for number in numbers for place, member in _by_place(themes[number]).items()}
    for number in numbers[1:]:
        del themes[number]
    themes[first.number] = replace(first.theme, members=_ranked(members.values()))
    _keep(run, themes, first.number)


def split_theme(run: AnalyzedRun, theme: StoredTheme, places: Sequence[Place], name: str | None) -> int:
    """Move turns of a theme into a new one, and return the number of the new one.

    Args:
        run: the run.
        theme: the theme.
        places: the turns that leave it; at least one, and not all.
        name: of the new theme; None takes its distinctive phrases.

    Raises:
        UsageError: the theme does not have these turns, or has no others, or the name is not valid.
    """
    by_place = _by_place(theme.theme)
    if missing := [place for place in places if place not in by_place]:
        raise UsageError(f"turns {missing[0]}: theme {theme.number} has no such turn; `convexplain themes` lists them")
    if not places or len(set(places)) == len(by_place):
        raise UsageError(
            f"turns: {len(set(places))} of {len(by_place)} turns of theme {theme.number}; choose at least one, not all"
        )
    moved = _ranked(by_place[place] for place in set(places))
    remaining = _ranked(member for place, member in by_place.items() if place not in set(places))
    themes = {stored.number: stored.theme for stored in stored_themes(run.store, run.id)}
    themes[theme.number] = replace(theme.theme, members=remaining)
    new = Theme(theme_name(name) if name else "", (), moved, 0.0, (0.0, 1.0))
    return _keep(run, themes, theme.number, [new])[0]


def add_turn(run: AnalyzedRun, theme: StoredTheme, place: Place) -> None:
    """Put a judged turn into a theme, out of the theme that it was in; counts and shares of both are new.

    What its turns have in common (phrases, trend, groups, cause) is computed at the next search, merge or split.

    Raises:
        UsageError: the run has no score of the turn, or the other theme would be empty.
    """
    number, index = place
    scores = turn_scores(run.store, run.id, [rubric.id for rubric in run.rubrics], {number})
    if all(score.turn != index for score in scores):
        raise UsageError(f"turn {place} is not valid; run {run.id} has no score of it")
    search = theme_search(run.store, run.id)
    judged = search.judged if search else len(theme.theme.members)
    changed = {}
    for stored in stored_themes(run.store, run.id):
        members = _by_place(stored.theme)
        if stored.number == theme.number:
            members.setdefault(place, ThemeMember(number, index, 0.0))  # nobody has compared it: the least typical
        elif members.pop(place, None) is not None and not members:
            raise UsageError(f"theme {stored.number} has no other turn; merge it into theme {theme.number} instead")
        changed[stored.number] = stored.theme
        if len(members) != len(stored.theme.members):
            share = proportion(min(len(members), judged), judged)
            low, high = share.low or 0.0, 1.0 if share.high is None else share.high
            turns = tuple(members.values())
            changed[stored.number] = replace(
                stored.theme, members=turns, share=share.value or 0.0, interval=(low, high), low=None
            )
    replace_themes(run.store, run.id, changed)
    if search and place in search.ungrouped:
        keep_ungrouped(run.store, run.id, [turn for turn in search.ungrouped if turn != place])


def _by_place(theme: Theme) -> dict[Place, ThemeMember]:
    return dict(zip(places_of(theme.members), theme.members, strict=True))


def _ranked(members: Iterable[ThemeMember]) -> tuple[ThemeMember, ...]:
    return tuple(sorted(members, key=lambda member: (-member.similarity, member.number, member.turn)))


def _keep(run: AnalyzedRun, themes: Mapping[int, Theme], changed: int, new: Sequence[Theme] = ()) -> list[int]:
    """Keep the themes of a run: the changed and the new ones are described again, excesses are of all again."""
    search = theme_search(run.store, run.id)
    turns = RunTurns(run, search.lowest if search else None)
    groups, flagged = turns.groups(), turns.turns(turns.flagged)
    numbers, all_themes = list(themes), [*themes.values(), *new]
    members = [turns.turns(places_of(theme.members)) for theme in all_themes]
    stated = []
    for i, (theme, excess) in enumerate(zip(all_themes, excesses(members, groups), strict=True)):
        again = i >= len(numbers) or numbers[i] == changed
        if again and not members[i]:
            raise UsageError(f"theme {changed}: none of its turns has a score that counts now; find the themes again")
        figures = _described(theme, members[i], flagged, groups) if again else theme
        stated.append(replace(figures, excesses=excess))
    remaining = dict(zip(numbers, stated[: len(numbers)], strict=True))
    return replace_themes(run.store, run.id, remaining, stated[len(numbers) :])


def _described(
    theme: Theme, members: Sequence[FlaggedTurn], flagged: Sequence[FlaggedTurn], groups: JudgedGroups
) -> Theme:
    similarities = dict(zip(places_of(theme.members), (member.similarity for member in theme.members), strict=True))
    inside = [(turn, similarities[turn.place]) for turn in members]
    outside = [turn for turn in flagged if turn.place not in similarities]
    described = described_theme(inside, outside, groups)
    return replace(described, name=theme.name or described.name, pinned=theme.pinned)
