"""The results of a format's parsing, before roles and ids: turns, conversations and records.

A format's module parses its records into these; `ConversationBuilder` makes conversations of them, the same way for
all formats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from convexplain.errors import ConvexplainError
from convexplain.parts import Part, Reasoning, Text, ToolResult, normalized_parts, visible_content


@dataclass(slots=True)
class ParsedTurn:
    """One turn as the log has it.

    Attributes:
        speaker: the log's own word for the speaker ("gpt", "Anna"); empty where the log has none.
        content: the text that people see, unchanged.
        name: a name that the log gives besides the speaker's word.
        at: the turn's time.
        metadata: everything else that the log holds about the turn.
        parts: the parts of the content, and the reasoning; none where the content is one text.
    """

    speaker: str
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    @classmethod
    def of_parts(
        cls,
        speaker: str,
        parts: Sequence[Part],
        name: str | None = None,
        at: datetime | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> "ParsedTurn":
        """Return the turn with these parts: its content is what people see of them."""
        content = visible_content(parts)
        return cls(speaker, content, name, at, {} if metadata is None else metadata, normalized_parts(parts))

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """The parts, also where the content is one text; none of an empty turn."""
        return self.parts or ((Text(self.content),) if self.content else ())

    @property
    def is_thought(self) -> bool:
        """True where the turn holds reasoning and nothing else."""
        return bool(self.parts) and all(isinstance(part, Reasoning) for part in self.parts)

    def joined(self, following: "ParsedTurn") -> "ParsedTurn":
        """Return this turn with the parts of a following one behind its own."""
        return self.of_parts(self.speaker, (*self.all_parts, *following.all_parts), self.name, self.at, self.metadata)

    def without_results(self) -> "list[ParsedTurn]":
        """Return the turn without the results of tools in it, each of them as a turn of the speaker `tool`.

        Its name and metadata stay with its own parts.
        """
        if not any(isinstance(part, ToolResult) for part in self.parts):
            return [self]
        turns: list[ParsedTurn] = []
        for is_result, run in groupby(self.parts, lambda part: isinstance(part, ToolResult)):
            if is_result:
                turns += [self.of_parts("tool", [result], at=self.at) for result in run]
            else:
                turns.append(self.of_parts(self.speaker, [*run], self.name, self.at, self.metadata))
        return turns


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
        aside: parts of the record that the reader leaves out on purpose, and says so.
        is_complete: whether turns and metadata surely hold everything that is in the record.
    """

    turns: list[ParsedTurn]
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suffix: str = ""
    preferred: bool | None = None
    id: str | None = None
    aside: list[Any] = field(default_factory=list)
    is_complete: bool = False


@dataclass(slots=True)
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
    """A conversation whose assistant is not known.

    Attributes:
        candidates: the speakers who may be the assistant with their numbers of turns, the first who spoke first.
    """

    def __init__(self, reason: str, candidates: Mapping[str, int]) -> None:
        super().__init__(reason)
        self.candidates = candidates


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
