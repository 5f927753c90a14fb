"""What the formats' modules hand on: turns whose speakers are still words, before roles and ids.

A format's module makes drafts of its records; `reading` makes conversations of the drafts, the same way for
all formats.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from convexplain.errors import ConvexplainError

from .values import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """One turn as the log has it.

    Attributes:
        speaker: the log's own word for who speaks ("gpt", "Anna"); empty when it does not say.
        content: the text, untouched.
        name: a name that the log gives besides the speaker's word.
        at: when it was said.
        metadata: whatever else the log holds about it.
    """

    speaker: str
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """A conversation before its roles and its id are settled.

    Attributes:
        said: the turns, oldest first.
        metadata: whatever else the log holds about the conversation.
        remarks: what a person should know of it although it can be read.
        suffix: ends the id, where one record gives several conversations.
        preferred: of a preference pair, whether this is the chosen one; None when it is no pair.
    """

    said: list[Said]
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suffix: str = ""
    preferred: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log.

    Attributes:
        position: what a problem points at: its line, or its number where lines mean nothing.
        number: its 1-based number, which makes up an id where the log has none.
        id: the log's own id.
        drafts: the conversations in it.
        speakers_certain: False where a word before a colon may be no speaker at all (plain transcripts).
    """

    position: int
    number: int
    id: str | None
    drafts: Sequence[Draft]
    speakers_certain: bool = True


class Talks:
    """Turns of several conversations, in whatever order they come.

    Args:
        order: the name of what orders them, for messages; None when they are in order.
        place: what a position counts, for messages.
    """

    def __init__(self, order: str | None, place: str = "line") -> None:
        self._order = order
        self._place = place
        self._talks: dict[str, _Talk] = {}

    def add(self, own: str, position: int, said: Said, order: str) -> None:
        """Adds a turn to the conversation with this id (empty: none), `order` being what its row has for it."""
        talk = self._talks.setdefault(own, _Talk(position))
        if not said.content.strip():
            talk.empty.append(position)
        talk.said.append(said)
        talk.order.append(order)

    def entries(self) -> Iterator[Entry]:
        """The conversations in the order of their first turns."""
        for number, (own, talk) in enumerate(self._talks.items(), 1):
            draft = Draft(talk.said)
            if talk.empty:
                draft.remarks.append(f"the turn in {self._place} {', '.join(map(str, talk.empty))} is empty")
            if self._order is not None:
                orders = _numbers(talk.order) or _moments(talk.order)
                if orders is None:
                    draft.remarks.append(
                        f"the column {self._order!r} does not order its rows (not all are numbers or moments); "
                        "they are in the order of the file"
                    )
                else:
                    places = sorted(range(len(orders)), key=orders.__getitem__)
                    draft.said = [talk.said[place] for place in places]
            yield Entry(talk.position, number, own or None, [draft])


@dataclass(slots=True)
class _Talk:
    """The turns of one conversation as they came, each with what its row has for the order."""

    position: int
    said: list[Said] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)


def _numbers(cells: Sequence[str]) -> list[float] | None:
    try:
        found = [float(cell) for cell in cells]
    except ValueError:
        return None
    return found if all(map(math.isfinite, found)) else None


def _moments(cells: Sequence[str]) -> list[float] | None:
    found = [at for at in map(moment, cells) if at is not None]
    if len(found) < len(cells) or len({at.tzinfo is None for at in found}) > 1:
        return None
    # Moments without a zone are taken as they stand: the machine's own zone would bend them twice a year.
    aware = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in found]
    return [(at - _EPOCH).total_seconds() for at in aware]


class UnreadableError(ConvexplainError):
    """A record that cannot become a conversation; the message is the reason. Never leaves this package."""


class Report(Protocol):
    """Where the readers tell of problems."""

    def __call__(self, line: int | None, reason: str, *, kept: bool = False) -> None:
        """Takes the position (line or record number; None: the file), the reason, and `Problem.kept`."""


def shown(words: Sequence[str], most: int = 10, width: int = 40) -> str:
    """Names from a log for a message: quoted, each cut to `width` characters, at most `most` of them."""
    names = ", ".join(repr(word if len(word) <= width else word[: width - 1] + "…") for word in words[:most])
    return names if len(words) <= most else f"{names} and {len(words) - most} more"
