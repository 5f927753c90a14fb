"""What can be wrong with a part of a log while the rest of it is read on.

Problem                  convexplain.errors: handed to `on_problem`, reading goes on
UnreadableError          inside this package: a record that cannot become a conversation
"""

from typing import Protocol

from convexplain.errors import ConvexplainError


class UnreadableError(ConvexplainError):
    """A record that cannot become a conversation; the message is the reason. Never leaves this package."""


class Report(Protocol):
    """Where the readers tell of problems."""

    def __call__(self, line: int | None, reason: str, *, kept: bool = False) -> None:
        """Takes the position (line or record number; None: the file), the reason, and `Problem.kept`."""


def shown(words: list[str], most: int = 10, width: int = 40) -> str:
    """Names from a log for a message: quoted, each cut to `width` characters, at most `most` of them."""
    names = ", ".join(repr(word if len(word) <= width else word[: width - 1] + "…") for word in words[:most])
    return names if len(words) <= most else f"{names} and {len(words) - most} more"
