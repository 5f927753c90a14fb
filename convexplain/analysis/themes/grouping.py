"""Groups of vectors that are alike, and the nearest group of further vectors."""

from collections.abc import Sequence

import numpy as np

from .similarity import Matrix

LEAST = 3
"""Members of a theme at least."""
_CUT = 0.7  # mean distance (1 - similarity) from which on two groups are not joined
_MOST = 2_000  # vectors that are grouped by all their distances; further ones join the nearest group
_NEAREST = 5  # neighbours that decide by majority


def grouped(vectors: Matrix) -> list[list[int]]:
    """Return groups of at least three vectors that are alike, as rows; other rows are in none.

    Agglomerative clustering with average linkage: the number of groups follows from the distance at which groups are
    no longer joined, which was chosen on planted logs (`benchmarks/themes.py`).
    """
    count = len(vectors)
    sample = sorted({int(i) for i in np.linspace(0, count - 1, min(count, _MOST))}) if count else []
    groups = [[sample[i] for i in group] for group in _clusters(vectors[sample])]
    groups = [group for group in groups if len(group) >= LEAST]
    if len(sample) < count and groups:
        further = sorted(set(range(count)) - set(sample))
        for i, owner in zip(
            further, nearest_groups(vectors[further], [vectors[group] for group in groups]), strict=True
        ):
            if owner is not None:
                groups[owner].append(i)
    return groups


def _clusters(vectors: Matrix) -> list[list[int]]:
    from sklearn.cluster import AgglomerativeClustering  # type: ignore[import-untyped]  # slow to import

    if len(vectors) < LEAST:
        return []
    distances = np.clip(1 - vectors @ vectors.T, 0, None)
    np.fill_diagonal(distances, 0)
    clustering = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=_CUT)
    labels = clustering.fit_predict(distances)
    return [[int(i) for i in np.flatnonzero(labels == label)] for label in range(labels.max() + 1)]


def nearest_groups(vectors: Matrix, groups: Sequence[Matrix]) -> list[int | None]:
    """Return for each vector the index of the group that it belongs to; None where it belongs to none.

    A vector belongs to the group that has most of the up to five nearest members, of those that are no further from it
    than the group's own members are from their nearest neighbour.

    Args:
        vectors: the vectors.
        groups: the members' vectors of each group.
    """
    owners = np.array([k for k, members in enumerate(groups) for _ in members], dtype=int)
    if not len(owners):
        return [None] * len(vectors)
    spreads = np.array([_spread(members) for members in groups])
    similarities = vectors @ np.vstack([members for members in groups if len(members)]).T
    chosen: list[int | None] = []
    for row in similarities:
        nearest = np.argsort(-row, kind="stable")[:_NEAREST]
        near = [int(owners[i]) for i in nearest if row[i] >= spreads[owners[i]]]
        best = max(near, key=near.count, default=None)
        chosen.append(best if best is not None and 2 * near.count(best) > len(near) else None)
    return chosen


def _spread(members: Matrix) -> float:
    """Return the lowest similarity of a member to its nearest neighbour, at least that at which groups are joined."""
    if len(members) < 2:
        return 1 - _CUT
    similarities = members @ members.T
    np.fill_diagonal(similarities, -np.inf)
    return float(max(similarities.max(axis=1).min(), 1 - _CUT))
