"""Conversations and their turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast

from convexplain.parts import Part, Reasoning, ToolResult, aligned_parts, normalized_parts, visible_content

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Turn:
    """One contribution to a conversation.

    Attributes:
        role: who speaks.
        content: the text that people see, untouched; calls of tools and media stand in it as `[tool call f({…})]` and
            `[image]`, results of tools as their texts. Reasoning is not in it.
        name: the speaker's own name, where the log has one.
        at: when it was said, where the log says so.
        metadata: whatever else the log holds about it (JSON values).
        parts: the parts that make up the content, and the reasoning; none where the content is one text, or a tool's
            result without an id. Where the content of a turn is replaced (`dataclasses.replace`), the parts follow it
            (`parts.aligned_parts`).
    """

    role: Role
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if self.parts:
            parts = normalized_parts(self.parts)
            if parts and visible_content(parts) != self.content:
                parts = aligned_parts(parts, self.content)
            if self.role == "tool" and parts in _plain_results(self.content, self.name):
                parts = ()
            object.__setattr__(self, "parts", parts)

    @classmethod
    def of_parts(
        cls,
        role: Role,
        parts: Sequence[Part],
        name: str | None = None,
        at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> "Turn":
        """Return the turn with these parts: its content is what people see of them."""
        return cls(role, visible_content(parts), name, at, metadata or {}, tuple(parts))

    @property
    def reasoning(self) -> str:
        """The model's thoughts in this turn, joined by line ends; empty for none."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Reasoning) and part.text)


class _OpenTurn:
    """A turn whose fields can be set, until it becomes a `Turn`."""

    __slots__ = Turn.__slots__


def plain_turn(role: Role, content: str, name: str | None, at: datetime | None, metadata: Mapping[str, Any]) -> Turn:
    """Return a turn whose content is one text, in a third of the time that `Turn` takes: for readers of large logs."""
    turn: Any = _OpenTurn()
    turn.role = role
    turn.content = content
    turn.name = name
    turn.at = at
    turn.metadata = metadata
    turn.parts = ()
    turn.__class__ = Turn
    return cast(Turn, turn)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns in order.

    Attributes:
        id: unique within its source; the reader makes one up where the log has none.
        turns: the turns, oldest first.
        source: where it comes from (a file's path, "memory").
        metadata: whatever else the log holds about it (JSON values).
    """

    id: str
    turns: tuple[Turn, ...]
    source: str = "memory"
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def until(self, turn: int) -> "Conversation":
        """Return the same conversation, up to and with that turn."""
        return replace(self, turns=self.turns[: turn + 1])


def _plain_results(content: str, name: str | None) -> list[tuple[Part, ...]]:
    """The parts of a tool's turn that say no more than its content and its name."""
    return [(ToolResult(content),), (ToolResult(content, "", name or ""),)]
