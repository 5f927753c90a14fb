"""Texts with one hole, and the protocol of infillers, which fill it. No model lives here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

MASK = "<mask>"


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with one hole.

    Attributes:
        before: the text up to the hole, as edited so far.
        old: the words that the hole replaces, without the white space around them; never to be put back.
        after: the text behind the hole.
        avoid: further fills that are refused.
        context: text before all of it that is not edited (the conversation up to this turn), for infillers that read
            more than one turn; empty for a text that stands alone.
    """

    before: str
    old: str
    after: str
    avoid: tuple[str, ...] = ()
    context: str = ""

    def __str__(self) -> str:
        return f"{self.before}{MASK}{self.after}"


class Infiller(Protocol):
    """Fills holes.

    Attributes:
        name: as a user would write it to get the infiller again.
        fingerprint: changes whenever the same hole could be filled differently.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - in the class's docstring
    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    async def prepare(self) -> None:
        """Load weights or reach the server, once, before the first hole. Raises UnavailableError."""

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """Return for each hole at most k different fills, best first; none where it has no idea.

        A fill is neither empty nor, apart from case and white space, the old words or one to avoid. It has no white
        space around it and keeps the old words' case (all capitals, a capital first) and closing punctuation.
        """

    async def aclose(self) -> None:
        """Give back memory and connections."""


@runtime_checkable
class FillsByModel(Protocol):
    """Capability: the infiller is made over a chat model, which may serve others too.

    Attributes:
        model: the chat model; not prepared by its choice.
    """

    @property
    def model(self) -> Any: ...  # noqa: D102 - in the class's docstring

    def using(self, model: Any) -> Self:
        """Return the same infiller over the same model, prepared already, which it does not close."""
