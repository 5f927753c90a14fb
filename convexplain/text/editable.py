"""A text, or the turns of a conversation, as numbered units that can be edited and put back together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from convexplain.errors import UsageError
from convexplain.models.infilling import Masked
from convexplain.search.protocol import Edits, Hole
from convexplain.types import Edit, Level, Turn, Unit

from .segmentation import LIST_NUMBER, core, segment

MOST_UNITS = 400  # so that filling every unit once remains affordable


@dataclass(frozen=True, slots=True)
class Editable:
    """Turns with the units of them that may be edited; knows what a search sees and what a model receives.

    Attributes:
        turns: the turns as they are.
        units: the units, numbered as the searches number them; without the white space around them.
        groups: for each coarser level (turn, sentence) the number of the group that each unit is in.
        wholes: sentences that can be said anew in one piece; numbered after the units.
        parts: for each of them the numbers of the units in it, at least two.
    """

    turns: tuple[Turn, ...]
    units: tuple[Unit, ...]
    groups: tuple[tuple[int, ...], ...]
    wholes: tuple[Unit, ...] = ()
    parts: tuple[tuple[int, ...], ...] = ()

    def size(self, edits: Edits) -> int:
        """How many units are edited; a sentence that is said anew counts as all that are in it."""
        n = len(self.units)
        return sum(1 if number < n else len(self.parts[number - n]) for number, _ in edits)

    def edited(self, edits: Edits) -> tuple[Turn, ...]:
        """The turns with the edits in place."""
        by_turn: dict[int, list[tuple[Unit, str]]] = {}
        for number, fill in edits:
            unit = self._unit(number)
            by_turn.setdefault(unit.turn, []).append((unit, fill))
        return tuple(
            replace(turn, content=_put(turn.content, by_turn[i])) if i in by_turn else turn
            for i, turn in enumerate(self.turns)
        )

    def _unit(self, number: int) -> Unit:
        return self.units[number] if number < len(self.units) else self.wholes[number - len(self.units)]

    def edit(self, unit: int, fill: str) -> Edit:
        """One edit as unit, before and after."""
        found = self._unit(unit)
        return Edit(found, found.of(self.turns[found.turn].content), fill)

    def masked(self, hole: Hole) -> Masked:
        """What an infiller is given for a hole: the turn around it, and the turns before as `role: text` lines."""
        unit = self._unit(hole.unit)
        turns = self.edited(hole.edits)
        # The hole's place in the edited turn: edits before it may have other lengths.
        earlier = [(self._unit(number), fill) for number, fill in hole.edits]
        shift = sum(
            len(fill) - (other.end - other.start)
            for other, fill in earlier
            if other.turn == unit.turn and other.start < unit.start
        )
        content = turns[unit.turn].content
        start, end = unit.start + shift, unit.end + shift
        rest = "".join(f"{turn.role}: {turn.content}\n" for turn in turns[: unit.turn])
        rest += f"{turns[unit.turn].role}: " if len(turns) > 1 else ""
        return Masked(content[:start], content[start:end], content[end:], hole.avoid, rest)


def editable(turns: Sequence[Turn], which: Iterable[int], *, split_k: int | None = 1) -> Editable:
    """The units of some turns.

    Args:
        turns: all turns.
        which: indices of the turns that may be edited.
        split_k: so many words of one sentence make a unit; None = 1, or as many as keep the number at about
            `MOST_UNITS`.

    Raises:
        UsageError: split_k is less than 1.
    """
    if split_k is not None and split_k < 1:
        raise UsageError(f"split_k={split_k} is not valid; it must be at least 1")
    chosen = sorted(set(which))
    sentences = [_pieces(turns[turn].content, turn) for turn in chosen]
    found = _joined(turns, sentences, split_k or 1)
    if split_k is None and len(found) > MOST_UNITS:
        if sum(map(len, sentences)) > MOST_UNITS // 2:  # units then reach across sentences, but not across turns
            sentences = [[[piece for some in turn for piece in some]] for turn in sentences]
        k = 1
        while len(found) > MOST_UNITS and k < MOST_UNITS:
            k = max(k + 1, k * len(found) // MOST_UNITS)
            found = _joined(turns, sentences, k)
    coarser: tuple[Level, ...] = ("turn", "sentence")
    places = [_places(turns, chosen, level, found) for level in coarser]
    groups = tuple(level for level in places if len(set(level)) > 1)
    wholes = list(_wholes(turns, chosen, found, places[-1]))
    return Editable(
        tuple(turns), tuple(found), groups, tuple(whole for whole, _ in wholes), tuple(parts for _, parts in wholes)
    )


def _pieces(text: str, turn: int) -> list[list[Unit]]:
    """The words of a text, sentence by sentence."""
    fine = iter(segment(text, "word", turn))
    found: list[list[Unit]] = []
    piece = next(fine, None)
    for whole in segment(text, "sentence", turn):
        found.append([])
        while piece is not None and piece.start < whole.end:
            found[-1].append(piece)
            piece = next(fine, None)
    return found


def _joined(turns: Sequence[Turn], sentences: Iterable[Sequence[Sequence[Unit]]], k: int) -> list[Unit]:
    """Every k pieces of a sentence as one unit, without the white space around it."""
    found: list[Unit] = []
    for inside in (inside for turn in sentences for inside in turn):
        for i in range(0, len(inside), k):
            first, last = inside[i], inside[min(i + k, len(inside)) - 1]
            text = turns[first.turn].content
            start, end = core(text, Unit(first.turn, first.start, last.end, first.level))
            if any(character.isalnum() for character in text[start:end]):  # nothing to say differently otherwise
                found.append(Unit(first.turn, start, end, first.level))
    return found


def _wholes(
    turns: Sequence[Turn], chosen: Sequence[int], units: Sequence[Unit], places: Sequence[int]
) -> Iterator[tuple[Unit, tuple[int, ...]]]:
    """The sentences in which several units lie entirely, and these; without list marks and numbers before them."""
    parts: dict[int, list[int]] = {}
    for i, place in enumerate(places):
        parts.setdefault(place, []).append(i)
    sentences = [unit for turn in chosen for unit in segment(turns[turn].content, "sentence", turn)]
    for place, found in parts.items():
        first = units[found[0]]
        text = first.of(turns[first.turn].content)
        inside = found[1:] if LIST_NUMBER.fullmatch(text.strip("*_")) else found
        if len(inside) > 1 and units[inside[-1]].end <= sentences[place].end:
            yield Unit(first.turn, units[inside[0]].start, units[inside[-1]].end, "sentence"), tuple(inside)


def _places(turns: Sequence[Turn], chosen: Sequence[int], level: Level, units: Sequence[Unit]) -> tuple[int, ...]:
    coarse = [unit for turn in chosen for unit in segment(turns[turn].content, level, turn)]
    places, at = [], 0
    for unit in units:
        while (coarse[at].turn, coarse[at].end) <= (unit.turn, unit.start):
            at += 1
        places.append(at)
    return tuple(places)


def _put(text: str, edits: Iterable[tuple[Unit, str]]) -> str:
    for unit, fill in sorted(edits, key=lambda edit: -edit[0].start):
        text = text[: unit.start] + fill + text[unit.end :]
    return text
