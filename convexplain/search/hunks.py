"""Turns and the hunks of proposed texts: the runs of words in which an edited text differs from the untouched one.

An editor proposes the text of a whole turn. Its hunks are numbered as they come, and a candidate is a set of hunks, so
that a part of a proposal is a candidate too, and hunks of several proposals can be put together.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import regex
from rapidfuzz.distance import Indel

from convexplain.fidelity.edits import words
from convexplain.text.segmentation import core, segment
from convexplain.types import Edit, Turn, Unit

from .protocol import Edits

_APART = 2  # unchanged words that stand between two hunks at least; with fewer between them they are one
_PIECE = regex.compile(r"\S+|\s+")


@dataclass(slots=True)
class Hunks:
    """Turns with the hunks of the texts that were proposed for them.

    Attributes:
        turns: the turns as they are.
        units: the place of each hunk in the untouched turns, by its number.
        fills: its replacement.
    """

    turns: tuple[Turn, ...]
    units: list[Unit] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)
    _numbers: dict[tuple[int, int, int, str], int] = field(default_factory=dict)

    def add(self, turn: int, text: str) -> Edits:
        """Return the hunks of a proposed text of a turn; empty where it is the turn's own."""
        edits = []
        for start, end, fill in _hunks(self.turns[turn].content, text):
            key = (turn, start, end, fill)
            if key not in self._numbers:
                self._numbers[key] = len(self.units)
                self.units.append(Unit(turn, start, end, "phrase"))
                self.fills.append(fill)
            edits.append((self._numbers[key], fill))
        return tuple(sorted(edits))

    def size(self, edits: Edits) -> int:
        """Return how many words are changed: of each hunk the words before or after, whichever are more."""
        return sum(self._words(number) for number, _ in edits)

    def span(self, number: int) -> tuple[int, int, int]:
        """Return the turn of a hunk, and where its words start and end there; at least one character apart.

        White space does not count: of two neighbours that are taken out, both take the space between them along.
        """
        unit = self.units[number]
        start, end = core(self.turns[unit.turn].content, unit)
        return unit.turn, start, max(end, start + 1)

    def edited(self, edits: Edits) -> tuple[Turn, ...]:
        """Return the turns with these hunks in place."""
        by_turn: dict[int, list[int]] = {}
        for number, _ in edits:
            by_turn.setdefault(self.units[number].turn, []).append(number)
        return tuple(
            replace(turn, content=self._put(turn.content, by_turn[i])) if i in by_turn else turn
            for i, turn in enumerate(self.turns)
        )

    def edit(self, number: int, fill: str) -> Edit:
        """Return a hunk as an edit."""
        unit = self.units[number]
        return Edit(unit, unit.of(self.turns[unit.turn].content), fill)

    def _words(self, number: int) -> int:
        unit = self.units[number]
        before = unit.of(self.turns[unit.turn].content)
        return max(len(words(before)), len(words(self.fills[number])), 1)

    def _put(self, content: str, numbers: Iterable[int]) -> str:
        text, place, shared = "", 0, False
        for number in sorted(numbers, key=lambda number: self.units[number].start):
            unit = self.units[number]
            shared = shared or unit.start < place  # the white space between two neighbours
            text += content[place : unit.start] + self.fills[number]
            place = max(place, unit.end)
        text += content[place:]
        return text.strip() if shared else text


def _hunks(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """Yield where each run of changed words starts and ends in the text before, and what stands there afterwards."""
    old, new = _tokens(before), _tokens(after)
    runs: list[tuple[int, int, int, int]] = []
    for step in Indel.opcodes(old, new):
        if step.tag == "equal":
            continue
        if runs and sum(not token.isspace() for token in old[runs[-1][1] : step.src_start]) < _APART:
            runs[-1] = (runs[-1][0], step.src_end, runs[-1][2], step.dest_end)
        else:
            runs.append((step.src_start, step.src_end, step.dest_start, step.dest_end))
    places = _starts(old)
    for first, last, new_first, new_last in runs:
        shift = _shift(old, first, last) if new_first == new_last else 0
        yield places[first - shift], places[last - shift], "".join(new[new_first:new_last])


def _tokens(text: str) -> list[str]:
    """Return the words of a text and the white space between them; of scripts without spaces each word too."""
    return [piece for unit in segment(text, "word") for piece in _PIECE.findall(unit.of(text))]


def _shift(tokens: Sequence[str], first: int, last: int) -> int:
    """Return by how many tokens a removed run can begin further left, with a word, and leave the same text.

    Of "It left. It is late." the first sentence is gone then, and not "left. It".
    """
    shift, best = 0, 0
    while first - shift > 0 and tokens[first - shift - 1] == tokens[last - shift - 1]:
        shift += 1
        best = best if tokens[first - shift].isspace() else shift
    return best


def _starts(tokens: Sequence[str]) -> list[int]:
    places = [0]
    for token in tokens:
        places.append(places[-1] + len(token))
    return places
