"""The results of a format's parsing, before roles and ids: turns, conversations and records.

A format's module parses its records into these; `ConversationBuilder` makes conversations of them, the same way for
all formats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from convexplain.errors import ConvexplainError


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """One turn as the log has it.

    Attributes:
        speaker: the log's own word for the speaker ("gpt", "Anna"); empty where the log has none.
        content: the text, unchanged.
        name: a name that the log gives besides the speaker's word.
        at: the turn's time.
        metadata: everything else that the log holds about the turn.
    """

    speaker: str
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ParsedConversation:
    """A conversation before it has roles and an id.

    Attributes:
        turns: the turns, oldest first.
        metadata: everything else that the log holds about the conversation.
        remarks: what a person should know of the conversation although it can be read.
        suffix: the end of the id, where one record gives several conversations.
        preferred: of a preference pair, whether this is the chosen conversation; None where it is no pair.
        id: its own id, where a record holds several conversations; None for the record's.
    """

    turns: list[ParsedTurn]
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suffix: str = ""
    preferred: bool | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """One record of a log with its conversations.

    Attributes:
        position: the place that a problem's message names: the record's line, or its number where lines mean nothing.
        number: the record's 1-based number, of which an id is made where the log has none.
        id: the id in the log.
        conversations: the conversations in the record.
        speakers_certain: False where a word before a colon may be no speaker at all (plain transcripts).
    """

    position: int
    number: int
    id: str | None
    conversations: Sequence[ParsedConversation]
    speakers_certain: bool = True


class UnreadableError(ConvexplainError):
    """A record that cannot become a conversation; the message is the reason. It never leaves this package."""


class UnknownSpeakersError(UnreadableError):
    """A conversation whose assistant is not known."""


class ProblemReporter(Protocol):
    """A function that is called with each problem of a log."""

    def __call__(self, line: int | None, reason: str, *, kept: bool = False) -> None:
        """Report a problem.

        Args:
            line: the line or the record's number; None for the file as a whole.
            reason: what is wrong.
            kept: as of `Problem.kept`.
        """


def quoted_names(words: Sequence[str], most: int = 10, width: int = 40) -> str:
    """Return names from a log for a message: quoted, each cut to `width` characters, at most `most` of them."""
    names = ", ".join(repr(word if len(word) <= width else word[: width - 1] + "…") for word in words[:most])
    return names if len(words) <= most else f"{names} and {len(words) - most} more"
