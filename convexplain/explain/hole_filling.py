"""The fills of a search's holes by an infiller: each hole is asked for once, and bad words are passed over."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.models.infilling import Infiller, Masked

_FILLS = 3  # asked for at once for each hole


@dataclass(slots=True)
class HoleFilling:
    """Fills holes with one infiller.

    Attributes:
        infiller: proposes words.
        note: is told when the infiller fails.
        fills: what it proposed for each hole.
    """

    infiller: Infiller
    note: Callable[[str], None]
    fills: dict[Masked, list[str]] = field(default_factory=dict)

    async def fill(self, masked: Sequence[Masked]) -> list[str | None]:
        """Return a fill for each hole, which is neither the old words nor to be avoided; None where there is none.

        Raises:
            UsageError: the infiller returns the wrong number of answers.
            UnavailableError: its model is gone.
        """
        plain = [replace(hole, avoid=()) for hole in masked]
        await self._ask(plain)
        fills = [_first(self.fills[bare], hole) for bare, hole in zip(plain, masked, strict=True)]
        # Where all known fills are refused, the infiller perhaps thinks of another.
        await self._ask([hole for hole, fill in zip(masked, fills, strict=True) if fill is None and hole.avoid])
        return [fill or _first(self.fills.get(hole, []), hole) for hole, fill in zip(masked, fills, strict=True)]

    async def _ask(self, masked: Iterable[Masked]) -> None:
        new = [hole for hole in dict.fromkeys(masked) if hole not in self.fills]
        if not new:
            return
        try:
            fills = await self.infiller.infill(new, _FILLS)
        except UnavailableError:
            raise
        except ModelError as error:
            self.note(f"the infiller failed: {error}")
            fills = [[] for _ in new]
        if len(fills) != len(new):
            raise UsageError(f"infiller {self.infiller.name}: {len(fills)} answers for {len(new)} holes")
        self.fills |= zip(new, fills, strict=True)


def _first(fills: Sequence[str], masked: Masked) -> str | None:
    refused = {text.strip().casefold() for text in (masked.old, *masked.avoid, "")}
    return next((fill.strip() for fill in fills if fill.strip().casefold() not in refused), None)
