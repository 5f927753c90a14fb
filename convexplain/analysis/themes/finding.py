"""The search for themes: flagged turns are grouped by how they fail, and each group is named and counted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .phrases import distinctive_phrases
from .statistics import excesses, share_of, trend
from .theme import FlaggedTurn, JudgedGroups, PinnedTheme, Theme, ThemeMember, Themes

Embedder = Callable[[list[str]], Sequence[Sequence[float]]]
"""Returns a vector for each text; texts of like meaning have a great cosine."""
Vectors = NDArray[np.floating[Any]]

_LEAST = 3  # members of a theme
_CUT = 0.7  # cosine distance from which on groups are not joined
_NEAREST = 5  # neighbours that decide by majority
_NAME_PHRASES = 3


def find_themes(
    turns: Sequence[FlaggedTurn], groups: JudgedGroups, embed: Embedder, pinned: Sequence[PinnedTheme] = ()
) -> Themes:
    """Return the themes of flagged turns, the largest first, and the turns that belong to none.

    Args:
        turns: the flagged turns.
        groups: the judged turns that themes are compared with.
        embed: returns a vector for each text.
        pinned: themes of earlier runs; turns that are like their members come into them, all other turns are grouped.
    """
    if not turns:
        return Themes((), ())
    texts = [_text(turn) for turn in turns]
    pinned_texts = [_text(member) for theme in pinned for member in theme.members]
    vectors = _unit_length(np.asarray(embed(texts + pinned_texts), dtype=float))
    of_pinned = _pinned_themes(vectors, len(turns), pinned)
    remaining = [i for i in range(len(turns)) if of_pinned[i] is None]
    groups_of_turns = [
        (theme, [i for i in range(len(turns)) if of_pinned[i] == k]) for k, theme in enumerate(pinned)
    ] + [(None, [remaining[i] for i in cluster]) for cluster in _clusters(vectors[remaining])]
    groups_of_turns = sorted((pair for pair in groups_of_turns if pair[1]), key=lambda pair: -len(pair[1]))
    over = excesses([[turns[i] for i in indices] for _, indices in groups_of_turns], groups)
    background = [turn.reply for turn in groups.good]
    themes = []
    for (pinned_theme, indices), group_excesses in zip(groups_of_turns, over, strict=True):
        members = [turns[i] for i in indices]
        outside = [turn.reply for i, turn in enumerate(turns) if i not in set(indices)]
        phrases = distinctive_phrases([turn.reply for turn in members], outside + background)
        share, interval = share_of(len(members), groups.judged)
        themes.append(
            Theme(
                pinned_theme.name if pinned_theme else ", ".join(phrases[:_NAME_PHRASES]) or members[0].reply[:40],
                phrases,
                _ranked(members, vectors[indices]),
                share,
                interval,
                group_excesses,
                trend(members, groups),
                pinned=pinned_theme.number if pinned_theme else None,
            )
        )
    grouped = {i for _, indices in groups_of_turns for i in indices}
    return Themes(tuple(themes), tuple(turn.place for i, turn in enumerate(turns) if i not in grouped))


def _text(turn: FlaggedTurn) -> str:
    return "\n".join([*turn.notes, *turn.reasons, *turn.clauses, *turn.words, turn.reply])


def _unit_length(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _ranked(members: Sequence[FlaggedTurn], vectors: Vectors) -> tuple[ThemeMember, ...]:
    """Return the members of a theme, the most typical first."""
    middle = _unit_length(vectors.mean(axis=0, keepdims=True))[0]
    similarities = [round(float(similarity), 6) for similarity in vectors @ middle]
    ranked = sorted(zip(members, similarities, strict=True), key=lambda pair: -pair[1])
    return tuple(ThemeMember(*turn.place, similarity) for turn, similarity in ranked)


def _clusters(vectors: Vectors) -> list[list[int]]:
    """Return groups of at least three vectors that are alike; other vectors are in none."""
    from sklearn.cluster import AgglomerativeClustering  # type: ignore[import-untyped]  # slow to import

    if len(vectors) < _LEAST:
        return []
    distances = 1 - vectors @ vectors.T
    clustering = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=_CUT)
    labels = clustering.fit_predict(distances)
    clusters = [[int(i) for i in np.flatnonzero(labels == label)] for label in range(labels.max() + 1)]
    return [cluster for cluster in clusters if len(cluster) >= _LEAST]


def _pinned_themes(vectors: Vectors, count: int, pinned: Sequence[PinnedTheme]) -> list[int | None]:
    """Return for each of the first `count` vectors the index of its pinned theme; None where it belongs to none."""
    owners = [k for k, theme in enumerate(pinned) for _ in theme.members]
    if not owners:
        return [None] * count
    member_vectors = vectors[count:]
    spreads = []
    for k in range(len(pinned)):
        similar = member_vectors[[i for i, owner in enumerate(owners) if owner == k]]
        pairs = (similar @ similar.T)[np.triu_indices(len(similar), 1)]
        spreads.append(float(pairs.min()) if len(pairs) else 1 - _CUT)
    chosen: list[int | None] = []
    for vector in vectors[:count]:
        similarities = member_vectors @ vector
        nearest = np.argsort(-similarities, kind="stable")[:_NEAREST]
        near = [owners[i] for i in nearest if similarities[i] >= spreads[owners[i]]]
        best = max(set(near), key=near.count) if near else None
        chosen.append(best if best is not None and 2 * near.count(best) > len(nearest) else None)
    return chosen
