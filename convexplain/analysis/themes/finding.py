"""The search for themes: turns are grouped by how they fail, and each group is named and counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .causes import common_cause
from .grouping import grouped, nearest_groups
from .low_groups import LEAST_TEXTS, LowGroup, low_groups
from .naming import plain_name
from .phrases import distinctive_phrases
from .similarity import Embedder, Matrix, failure_text, failure_vectors
from .statistics import excesses, share_of, trend
from .theme import CandidateTurn, FlaggedTurn, GroupExcess, JudgedGroups, PinnedTheme, Place, Theme, ThemeMember, Themes

_ONE_SENTENCE = 4  # turns at least of a group that has fewer different replies than other themes


@dataclass(frozen=True, slots=True)
class _Group:
    """Indices of turns that are one theme, and the pinned theme or the low group that they are of."""

    turns: Sequence[int]
    pinned: PinnedTheme | None = None
    low: LowGroup | None = None


def find_themes(
    turns: Sequence[FlaggedTurn],
    groups: JudgedGroups,
    embed: Embedder,
    pinned: Sequence[PinnedTheme] = (),
    judged: Sequence[CandidateTurn] = (),
) -> Themes:
    """Return the themes of a run, the largest first, and the flagged turns that belong to none.

    Turns that are like the members of a pinned theme come into that. Of the others those come first that score low
    together; flagged turns that are like them join them. Those that are left are grouped by similarity. Such a group
    has three different replies, or four turns: three times one sentence is one observation. A group of turns of which
    nothing can be named that they have in common is no theme. Groups of one name are one theme.

    Args:
        turns: the flagged turns.
        groups: the judged turns that themes are compared with.
        embed: returns a vector for each text.
        pinned: themes of earlier runs.
        judged: judged turns with all flagged ones, among which groups that score low together are looked for.
    """
    low = low_groups(judged)
    flagged = {turn.place for turn in turns}
    further = (judged[i].turn for group in low for i in group.turns)
    candidates = [*turns, *(turn for turn in further if turn.place not in flagged)]
    if not candidates:
        return Themes((), ())
    members = [*candidates, *(member for theme in pinned for member in theme.members)]
    places = {turn.place for turn in candidates}
    vectors = failure_vectors(members, [turn for turn in groups.good if turn.place not in places], embed)
    low_turns = [(group, {judged[i].turn.place for i in group.turns}) for group in low]
    chosen = _groups(candidates, flagged, vectors, pinned, low_turns)
    themes = _themes(chosen, candidates, flagged, vectors, groups)
    joined = _named_once(chosen, themes)
    if len(joined) < len(chosen):
        themes = _themes(joined, candidates, flagged, vectors, groups)
    named = tuple(theme for theme in themes if theme.name)
    in_themes = {(member.number, member.turn) for theme in named for member in theme.members}
    return Themes(named, tuple(turn.place for turn in turns if turn.place not in in_themes))


def _groups(
    turns: Sequence[FlaggedTurn],
    flagged: Collection[Place],
    vectors: Matrix,
    pinned: Sequence[PinnedTheme],
    low: Sequence[tuple[LowGroup, Collection[Place]]],
) -> list[_Group]:
    """Return the turns of each pinned theme and of each new group, the largest first; a theme without turns is none."""
    ends = np.cumsum([len(turns), *(len(theme.members) for theme in pinned)])
    owners = nearest_groups(vectors[: len(turns)], [vectors[start:end] for start, end in pairwise(ends)])
    groups = [
        _Group([i for i, owner in enumerate(owners) if owner == k], pinned=theme) for k, theme in enumerate(pinned)
    ]
    free = [i for i, owner in enumerate(owners) if owner is None]
    low_turns = []
    for group, places in low:
        indices = [i for i in free if turns[i].place in places]
        if 2 * len(indices) > len(places):  # most of the others are in a pinned theme, which is the same
            low_turns.append((group, indices))
    taken = {i for _, indices in low_turns for i in indices}
    further = [i for i in free if i not in taken and turns[i].place in flagged]
    owners = nearest_groups(vectors[further], [vectors[indices] for _, indices in low_turns])
    for k, (group, indices) in enumerate(low_turns):
        joining = [i for i, owner in zip(further, owners, strict=True) if owner == k]
        groups.append(_Group([*indices, *joining], low=group))
    remaining = [i for i, owner in zip(further, owners, strict=True) if owner is None]
    for rows in grouped(vectors[remaining]):
        indices = [remaining[i] for i in rows]
        different = len({failure_text(turns[i]) for i in indices})
        if different >= LEAST_TEXTS or len(indices) >= _ONE_SENTENCE:
            groups.append(_Group(indices))
    return sorted((group for group in groups if group.turns), key=lambda group: -len(group.turns))


def _named_once(groups: Sequence[_Group], themes: Sequence[Theme]) -> list[_Group]:
    """Return the groups, those of one name as one; pinned themes keep the names that people gave them."""
    by_name: dict[str, _Group] = {}
    for i, (group, theme) in enumerate(zip(groups, themes, strict=True)):
        name = f"{i}" if group.pinned is not None or not theme.name else theme.name
        same = by_name.get(name)
        by_name[name] = group if same is None else _Group([*same.turns, *group.turns], low=same.low or group.low)
    return sorted(by_name.values(), key=lambda group: -len(group.turns))


def _themes(
    chosen: Sequence[_Group],
    turns: Sequence[FlaggedTurn],
    flagged: Collection[Place],
    vectors: Matrix,
    groups: JudgedGroups,
) -> tuple[Theme, ...]:
    over = excesses([[turns[i] for i in group.turns] for group in chosen], groups)
    return tuple(
        _theme(group, turns, flagged, vectors, groups, excess) for group, excess in zip(chosen, over, strict=True)
    )


def _theme(
    group: _Group,
    turns: Sequence[FlaggedTurn],
    flagged: Collection[Place],
    vectors: Matrix,
    groups: JudgedGroups,
    excess: tuple[GroupExcess, ...],
) -> Theme:
    inside = set(group.turns)
    members = _ranked([turns[i] for i in group.turns], vectors[list(group.turns)])
    theme = described_theme(members, [turn for i, turn in enumerate(turns) if i not in inside], groups, excess)
    if group.pinned is not None:
        return replace(theme, name=group.pinned.name, pinned=group.pinned.number)
    if group.low is not None:
        flagged_members = sum(turn.place in flagged for turn, _ in members)
        return replace(theme, low=replace(group.low.scores, flagged=flagged_members))
    return theme


def described_theme(
    members: Sequence[tuple[FlaggedTurn, float]],
    other_turns: Sequence[FlaggedTurn],
    groups: JudgedGroups,
    excess: tuple[GroupExcess, ...] = (),
) -> Theme:
    """Return the theme of a group of turns with its name, phrases, share, trend and cause.

    Args:
        members: its turns with their similarity to its middle, the most typical first; at least one.
        other_turns: the turns of other themes, and flagged ones of none.
        groups: the judged turns that themes are compared with.
        excess: the groups in which it is over-represented.
    """
    typical, places = [turn for turn, _ in members], {turn.place for turn, _ in members}
    good = [turn for turn in groups.good if turn.place not in places]
    outside = [*other_turns, *good]
    phrases = distinctive_phrases([turn.reply for turn in typical], [turn.reply for turn in outside])
    share, interval = share_of(len(members), groups.judged)
    return Theme(
        name=plain_name(typical, outside, phrases),
        phrases=phrases,
        members=tuple(ThemeMember(*turn.place, similarity) for turn, similarity in members),
        share=share,
        interval=interval,
        excesses=excess,
        trend=trend(typical, groups),
        cause=common_cause(typical, good),
    )


def _ranked(members: Sequence[FlaggedTurn], vectors: Matrix) -> list[tuple[FlaggedTurn, float]]:
    """Return members with their similarity to the middle, the most typical first; repeated replies last."""
    middle = vectors.mean(axis=0)
    length = np.linalg.norm(middle) * np.linalg.norm(vectors, axis=1)
    similarities = (vectors @ middle) / np.where(length > 0, length, 1.0)
    ranked = sorted(zip(members, similarities.tolist(), strict=True), key=lambda pair: -round(pair[1], 6))
    first = {turn.reply: turn.place for turn, _ in reversed(ranked)}
    return sorted(ranked, key=lambda pair: first[pair[0].reply] != pair[0].place)
