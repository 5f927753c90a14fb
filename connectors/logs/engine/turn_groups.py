"""Turns that come in any order, grouped by their conversation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .dates import column_moment, column_order
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _TurnGroup:
    """The turns of one conversation in the order of the file, each with its row's value for the order."""

    position: int
    turns: list[ParsedTurn] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


class TurnGroups:
    """Turns of several conversations, in whatever order they come.

    Args:
        order: the name of the column that orders the turns, for messages; None when they are in order.
    """

    def __init__(self, order: str | None) -> None:
        self._order = order
        self._groups: dict[str, _TurnGroup] = {}

    def add(self, conversation_id: str, position: int, turn: ParsedTurn, order: str) -> None:
        """Add a turn to the conversation with this id (empty: none); `order` is its row's value for the order."""
        group = self._groups.setdefault(conversation_id, _TurnGroup(position))
        group.turns.append(turn)
        group.order.append(order)

    def records(self) -> Iterator[ParsedRecord]:
        """Yield the conversations in the order of their first turns."""
        dates = column_order([cell for group in self._groups.values() for cell in group.order])
        for number, (conversation_id, group) in enumerate(self._groups.items(), 1):
            conversation = ParsedConversation(group.turns)
            if self._order is not None and any(group.order):
                keys = _numbers(group.order) or _timestamps(group.order, dates)
                if keys is None:
                    conversation.remarks.append(
                        f"the column {self._order!r} does not order its rows (not all are numbers or moments); "
                        "they are in the order of the file"
                    )
                else:
                    places = sorted(range(len(keys)), key=keys.__getitem__)
                    conversation.turns = [group.turns[place] for place in places]
            yield ParsedRecord(group.position, number, conversation_id or None, [conversation])


def _numbers(cells: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _timestamps(cells: Sequence[str], order: str | None) -> list[float] | None:
    timestamps = [at for cell in cells if (at := column_moment(cell, order)) is not None]
    if len(timestamps) < len(cells) or len({at.tzinfo is None for at in timestamps}) > 1:
        return None
    # Moments without a zone are taken as they stand: the machine's own zone would bend them twice a year.
    aware = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in timestamps]
    return [(at - _EPOCH).total_seconds() for at in aware]
