"""Shades of attributed text: how words are marked that raise or lower a score."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from convexplain.report.shades import Piece, Shade

from .safe_text import escaped

_WEAKEST, _STRONGEST = 0.10, 0.55  # opacity of the shading


def shading(shade: Shade | None) -> str:
    """Return the HTML attributes of a shaded element; empty where its effect is within the noise."""
    if shade is None or not shade.strength:
        return ""
    strength = _WEAKEST + (_STRONGEST - _WEAKEST) * shade.strength
    return f' class="cx-{"up" if shade.sign == "+" else "down"}" style="--a:{strength:.2f}"'


def legend() -> str:
    """Return the legend of the shading, as HTML."""
    samples = "".join(
        f'<span class="cx-{name}" style="--a:{strength}">&nbsp;{text}&nbsp;</span>'
        for name, strength, text in (
            ("down", 0.5, "− lowers"),
            ("down", 0.15, "a little"),
            ("up", 0.15, "a little"),
            ("up", 0.5, "+ raises"),
        )
    )
    return (
        f'<div class="cx cx-soft">{samples} the score. Dashed lines lower it, solid lines raise it; '
        "effects below the judge’s noise are not marked.</div>"
    )


class ShadedText:
    """The text of a turn with its shades, from which passages are written as HTML.

    Args:
        pieces: the text in pieces with their shades; joined they are the text.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.text = "".join(piece.text for piece in pieces)
        self._starts = list(accumulate((len(piece.text) for piece in pieces), initial=0))[:-1]
        self._attributes = [shading(piece.shade) for piece in pieces]

    def is_shaded(self, start: int, end: int) -> bool:
        """Return whether a shade lies in `text[start:end]`."""
        return any(attributes for _, _, attributes in self._spans(start, end))

    def html(self, start: int, end: int) -> str:
        """Return `text[start:end]` as HTML, with its shades."""
        parts = []
        for first, last, attributes in self._spans(start, end):
            text = escaped(self.text[first:last], last - first)
            parts.append(f"<span{attributes}>{text}</span>" if attributes else text)
        return "".join(parts)

    def _spans(self, start: int, end: int) -> list[tuple[int, int, str]]:
        spans = []
        place = max(0, bisect_right(self._starts, start) - 1)
        while start < end and place < len(self._starts):
            last = self._starts[place + 1] if place + 1 < len(self._starts) else len(self.text)
            last = min(last, end)
            if last > start:
                spans.append((start, last, self._attributes[place]))
                start = last
            place += 1
        return spans
