"""Statistics of a theme: its share, the change of it over time, and the groups in which it is over-represented."""

from collections import Counter
from collections.abc import Sequence
from math import sqrt

from convexplain.fidelity.estimates import proportion

from .theme import FlaggedTurn, GroupExcess, JudgedGroups, Trend

_MOST_Q = 0.05  # of what is said to be over-represented


def share_of(count: int, judged: int) -> tuple[float, tuple[float, float]]:
    """Return a theme's share of the judged turns with Wilson's 95 % interval; 0 and (0, 1) where none was judged."""
    estimate = proportion(count, judged)
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return 0.0, (0.0, 1.0)
    return estimate.value, (estimate.low, estimate.high)


def trend(members: Sequence[FlaggedTurn], groups: JudgedGroups) -> Trend | None:
    """Return the change of a theme's share from the earlier half of the dated conversations to the later.

    The interval is Newcombe's (1998, method 10), of the two Wilson intervals. None where a half has no judged turn.
    """
    if groups.middle is None or not groups.earlier or not groups.later:
        return None
    dates = [turn.began_at for turn in members if turn.began_at is not None]
    before, after = sum(date < groups.middle for date in dates), sum(date >= groups.middle for date in dates)
    return share_change(before, groups.earlier, after, groups.later)


def share_change(before: int, judged_before: int, after: int, judged_after: int) -> Trend:
    """Return the change of a share of judged turns with Newcombe's 95 % interval (1998, method 10)."""
    share_before, (low_before, high_before) = share_of(before, judged_before)
    share_after, (low_after, high_after) = share_of(after, judged_after)
    change = share_after - share_before
    low = change - sqrt((share_after - low_after) ** 2 + (high_before - share_before) ** 2)
    high = change + sqrt((high_after - share_after) ** 2 + (share_before - low_before) ** 2)
    return Trend(share_before, share_after, (low, high))


def change_q_values(counts: Sequence[tuple[int, int]], judged: tuple[int, int]) -> list[float]:
    """Return how probable changes of several shares are by chance, corrected for all of them.

    Fisher's exact test, two-sided, of each; the p-values are corrected together by Benjamini and Hochberg's procedure.

    Args:
        counts: of each, how many turns it has before and after.
        judged: how many turns were judged before and after.
    """
    from scipy.stats import false_discovery_control, fisher_exact  # type: ignore[import-untyped]  # slow to import

    tables = [[[count, max(n - count, 0)] for count, n in zip(pair, judged, strict=True)] for pair in counts]
    p_values = [float(fisher_exact(table).pvalue) for table in tables]
    return [float(q) for q in false_discovery_control(p_values)] if p_values else []


def excesses(themes: Sequence[Sequence[FlaggedTurn]], groups: JudgedGroups) -> list[tuple[GroupExcess, ...]]:
    """Return for each theme the sources and bots in which it is over-represented, the least probable by chance first.

    Fisher's exact test, one-sided, for each pair of a theme and a group; the p-values of all pairs are corrected
    together by Benjamini and Hochberg's procedure. Only pairs with q up to 0.05 are returned.

    Args:
        themes: the members of each theme.
        groups: the judged turns by source and bot.
    """
    from scipy.stats import false_discovery_control, fisher_exact  # slow to import

    fields = {"source": groups.by_source, "bot": groups.by_bot}
    pairs: list[tuple[int, str, str, int, int]] = []
    p_values: list[float] = []
    for index, members in enumerate(themes):
        for field, judged_by_name in fields.items():
            counts = Counter(turn.source if field == "source" else turn.bot for turn in members)
            for name, judged in judged_by_name.items():
                if not name or judged >= groups.judged:
                    continue
                count = counts[name]
                elsewhere, judged_elsewhere = len(members) - count, groups.judged - judged
                table = [[count, max(judged - count, 0)], [elsewhere, max(judged_elsewhere - elsewhere, 0)]]
                pairs.append((index, field, name, count, judged))
                p_values.append(float(fisher_exact(table, alternative="greater").pvalue))
    q_values = false_discovery_control(p_values) if p_values else []
    over: list[list[GroupExcess]] = [[] for _ in themes]
    for (index, field, name, count, judged), q in zip(pairs, q_values, strict=True):
        if q <= _MOST_Q:
            share_elsewhere = (len(themes[index]) - count) / (groups.judged - judged)
            over[index].append(GroupExcess(field, name, count, judged, count / judged, share_elsewhere, float(q)))
    return [tuple(sorted(excess, key=lambda group: group.q)) for excess in over]
