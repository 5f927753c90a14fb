"""What the overview shows besides what the database counts: groups that a person can take in, and texts."""

from collections.abc import Sequence
from datetime import date, timedelta

from convexplain.store import RunStore
from convexplain.store.conversations import turn_excerpts
from convexplain.store.overview import ScoreGroup, TurnRow
from convexplain.text.visible import one_line

_DAYS = 92  # of more days, weeks are shown
_EXCERPT = 140  # characters


def lengths(found: Sequence[ScoreGroup]) -> list[tuple[ScoreGroup, tuple[int, int]]]:
    """Numbers of turns in classes that double (2, 3 to 4, 5 to 8, …), each with its first and last number."""
    classes: dict[tuple[int, int], list[ScoreGroup]] = {}
    for group in found:
        high = 1 << max(0, int(group.key) - 1).bit_length()
        classes.setdefault((high // 2 + 1, high), []).append(group)
    return [
        (_together(f"{low} to {high}" if low < high else str(low), of), (low, high))
        for (low, high), of in classes.items()
    ]


def days(found: Sequence[ScoreGroup]) -> list[tuple[ScoreGroup, tuple[date, date]]]:
    """Days, or the weeks from Monday on where there are many, each with its first and last day."""
    dated = [(date.fromisoformat(str(group.key)), group) for group in found]
    if not dated or (dated[-1][0] - dated[0][0]).days <= _DAYS:
        return [(group, (day, day)) for day, group in dated]
    weeks: dict[date, list[ScoreGroup]] = {}
    for day, group in dated:
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(group)
    return [(_together(str(monday), of), (monday, monday + timedelta(days=6))) for monday, of in weeks.items()]


def excerpts(store: RunStore, rows: Sequence[TurnRow]) -> list[str]:
    """The beginning of each judged turn, in one line."""
    texts = turn_excerpts(store, [(row.number, row.turn) for row in rows])
    return [_short(one_line(text)) for text in texts]


def _short(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]} …"


def _together(key: str, found: Sequence[ScoreGroup]) -> ScoreGroup:
    n, below = sum(one.n for one in found), sum(one.below for one in found)
    return ScoreGroup(key, n, below, sum(one.total for one in found), sum(one.squares for one in found))
