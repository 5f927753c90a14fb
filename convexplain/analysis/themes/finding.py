"""The search for themes: flagged turns are grouped by how they fail, and each group is named and counted."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from .causes import common_cause
from .grouping import grouped, nearest_groups
from .naming import plain_name
from .phrases import distinctive_phrases
from .similarity import Embedder, Matrix, failure_vectors, spoken_text
from .statistics import excesses, share_of, trend
from .theme import FlaggedTurn, GroupExcess, JudgedGroups, PinnedTheme, Theme, ThemeMember, Themes

Group = tuple[PinnedTheme | None, list[int]]


def find_themes(
    turns: Sequence[FlaggedTurn], groups: JudgedGroups, embed: Embedder, pinned: Sequence[PinnedTheme] = ()
) -> Themes:
    """Return the themes of flagged turns, the largest first, and the turns that belong to none.

    A group of turns of which nothing can be named that they have in common is no theme.

    Args:
        turns: the flagged turns.
        groups: the judged turns that themes are compared with.
        embed: returns a vector for each text.
        pinned: themes of earlier runs; turns that are like their members come into them, all other turns are grouped.
    """
    if not turns:
        return Themes((), ())
    members = [*turns, *(member for theme in pinned for member in theme.members)]
    vectors = failure_vectors(members, groups.good, embed)
    chosen = _groups(vectors, len(turns), pinned)
    over = excesses([[turns[i] for i in indices] for _, indices in chosen], groups)
    themes = tuple(
        _theme(theme, indices, turns, vectors, groups, excess)
        for (theme, indices), excess in zip(chosen, over, strict=True)
    )
    named = tuple(theme for theme in themes if theme.name)
    in_themes = {(member.number, member.turn) for theme in named for member in theme.members}
    return Themes(named, tuple(turn.place for turn in turns if turn.place not in in_themes))


def _groups(vectors: Matrix, count: int, pinned: Sequence[PinnedTheme]) -> list[Group]:
    """Return the turns of each pinned theme and of each new group, the largest first; a theme without turns is none."""
    ends = np.cumsum([count, *(len(theme.members) for theme in pinned)])
    owners = nearest_groups(vectors[:count], [vectors[start:end] for start, end in pairwise(ends)])
    groups: list[Group] = [
        (theme, [i for i, owner in enumerate(owners) if owner == k]) for k, theme in enumerate(pinned)
    ]
    remaining = [i for i, owner in enumerate(owners) if owner is None]
    groups += [(None, [remaining[i] for i in group]) for group in grouped(vectors[remaining])]
    return sorted((group for group in groups if group[1]), key=lambda group: -len(group[1]))


def _theme(
    pinned: PinnedTheme | None,
    indices: Sequence[int],
    turns: Sequence[FlaggedTurn],
    vectors: Matrix,
    groups: JudgedGroups,
    excess: tuple[GroupExcess, ...],
) -> Theme:
    members, inside = _ranked([turns[i] for i in indices], vectors[list(indices)]), set(indices)
    theme = described_theme(members, [turn for i, turn in enumerate(turns) if i not in inside], groups, excess)
    return theme if pinned is None else replace(theme, name=pinned.name, pinned=pinned.number)


def described_theme(
    members: Sequence[tuple[FlaggedTurn, float]],
    other_turns: Sequence[FlaggedTurn],
    groups: JudgedGroups,
    excess: tuple[GroupExcess, ...] = (),
) -> Theme:
    """Return the theme of a group of turns with its name, phrases, share, trend and cause.

    Args:
        members: its turns with their similarity to its middle, the most typical first; at least one.
        other_turns: the flagged turns that are not in it.
        groups: the judged turns that themes are compared with.
        excess: the groups in which it is over-represented.
    """
    typical, outside = [turn for turn, _ in members], [*other_turns, *groups.good]
    phrases = distinctive_phrases([spoken_text(turn) for turn in typical], [spoken_text(turn) for turn in outside])
    share, interval = share_of(len(members), groups.judged)
    return Theme(
        name=plain_name(typical, outside, phrases),
        phrases=phrases,
        members=tuple(ThemeMember(*turn.place, similarity) for turn, similarity in members),
        share=share,
        interval=interval,
        excesses=excess,
        trend=trend(typical, groups),
        cause=common_cause(typical, groups.good),
    )


def _ranked(members: Sequence[FlaggedTurn], vectors: Matrix) -> list[tuple[FlaggedTurn, float]]:
    """Return members with their similarity to the middle, the most typical first; repeated replies last."""
    middle = vectors.mean(axis=0)
    length = np.linalg.norm(middle) * np.linalg.norm(vectors, axis=1)
    similarities = (vectors @ middle) / np.where(length > 0, length, 1.0)
    ranked = sorted(zip(members, similarities.tolist(), strict=True), key=lambda pair: -round(pair[1], 6))
    first = {turn.reply: turn.place for turn, _ in reversed(ranked)}
    return sorted(ranked, key=lambda pair: first[pair[0].reply] != pair[0].place)
