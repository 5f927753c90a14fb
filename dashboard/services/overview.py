"""Groups and turns for the overview: few enough groups to read, and turns with what is known of them in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from convexplain.explain.headlines import headline, says_why
from convexplain.store import RunStore, ScoredTurn, newest_attributions, scored_turns, turn_contrasts
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import ScoreGroup, TurnOrder, TurnRow, turn_rows
from convexplain.text.visible import one_line
from convexplain.types import Rubric

_DAYS = 92  # longest period shown by days; a longer one is shown by weeks
_EXCERPT = 140  # characters


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """A judged turn in the overview's list.

    Attributes:
        row: the turn as the store lists it.
        headline: the sentence that says why it has its score; empty where this is not known.
        words: the first words of the reply.
        whole_conversation: whether the score is that of the conversation, which was judged once.
    """

    row: TurnRow
    headline: str
    words: str
    whole_conversation: bool


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


def listed_turns(
    store: RunStore,
    rubric: Rubric,
    which: JudgementFilters,
    limit: int,
    offset: int = 0,
    *,
    unscored: bool = False,
    order: TurnOrder = "lowest",
) -> list[ListedTurn]:
    """Return a page of a run's turns on a rubric with their headlines, in the order of `turn_rows`."""
    rows = {row.place: row for row in turn_rows(store, which, limit, offset, unscored=unscored, order=order)}
    judged = scored_turns(store, rubric, list(rows))
    return [
        _listed(store, which.run, row, turn, whole_conversation=rubric.of_conversation)
        for row, turn in zip(rows.values(), judged, strict=True)
    ]


def _listed(store: RunStore, run: int, row: TurnRow, turn: ScoredTurn, *, whole_conversation: bool) -> ListedTurn:
    levels = newest_attributions(store, run, turn) if row.attributed else []
    contrast = turn_contrasts(store, run, turn)[0] if row.contrasted else None
    quotes = turn.reason_quotes
    sentence = headline(turn.conversation, turn.turn, turn.rubric, turn.score, turn.reason, quotes, levels, contrast)
    words = _short(one_line(turn.conversation.turns[turn.turn].content))
    return ListedTurn(row, sentence if says_why(sentence) else "", words, whole_conversation)


def _short(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]} …"


def _merged(key: str, groups: Sequence[ScoreGroup]) -> ScoreGroup:
    n, below = sum(group.n for group in groups), sum(group.below for group in groups)
    cells = tuple(cell for group in groups for cell in group.cells)
    return ScoreGroup(
        key, n, below, sum(group.total for group in groups), sum(group.squares for group in groups), cells
    )
