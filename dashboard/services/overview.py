"""Groups and excerpts for the overview: few enough groups to read, and the texts of turns."""

from collections.abc import Sequence
from datetime import date, timedelta

from convexplain.store import RunStore
from convexplain.store.conversations import turn_excerpts
from convexplain.store.overview import ScoreGroup, TurnRow
from convexplain.text.visible import one_line

_DAYS = 92  # longest period shown by days; a longer one is shown by weeks
_EXCERPT = 140  # characters


def length_classes(groups: Sequence[ScoreGroup]) -> list[tuple[ScoreGroup, tuple[int, int]]]:
    """Return numbers of turns in classes that double (2, 3 to 4, 5 to 8, …), each with its first and last number."""
    classes: dict[tuple[int, int], list[ScoreGroup]] = {}
    for group in groups:
        high = 1 << max(0, int(group.key) - 1).bit_length()
        classes.setdefault((high // 2 + 1, high), []).append(group)
    return [
        (_merged(f"{low} to {high}" if low < high else str(low), members), (low, high))
        for (low, high), members in classes.items()
    ]


def day_groups(groups: Sequence[ScoreGroup]) -> list[tuple[ScoreGroup, tuple[date, date]]]:
    """Return groups by day, or by week from Monday on over a long period, each with its first and last day."""
    dated = [(date.fromisoformat(str(group.key)), group) for group in groups]
    if not dated or (dated[-1][0] - dated[0][0]).days <= _DAYS:
        return [(group, (day, day)) for day, group in dated]
    weeks: dict[date, list[ScoreGroup]] = {}
    for day, group in dated:
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(group)
    return [(_merged(str(monday), members), (monday, monday + timedelta(days=6))) for monday, members in weeks.items()]


def excerpts(store: RunStore, rows: Sequence[TurnRow]) -> list[str]:
    """Return the beginning of each judged turn, in one line."""
    texts = turn_excerpts(store, [(row.number, row.turn) for row in rows])
    return [_short(one_line(text)) for text in texts]


def _short(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]} …"


def _merged(key: str, groups: Sequence[ScoreGroup]) -> ScoreGroup:
    n, below = sum(group.n for group in groups), sum(group.below for group in groups)
    return ScoreGroup(key, n, below, sum(group.total for group in groups), sum(group.squares for group in groups))
