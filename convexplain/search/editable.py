"""A text, or the turns of a conversation, as numbered units that can be edited and put back together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from convexplain.errors import UsageError
from convexplain.models.infilling import Masked
from convexplain.text.segmentation import LIST_NUMBER, core, segment
from convexplain.types import Edit, Level, Turn, Unit

from .protocol import Edits, Hole

MOST_UNITS = 400  # so that filling every unit once remains affordable


@dataclass(frozen=True, slots=True)
class Editable:
    """Turns and their units that may be edited: the form that a search sees, and the form that a model receives.

    Attributes:
        turns: the turns as they are.
        units: the units, numbered as the searches number them; without the white space around them.
        groups: for each coarser level (turn, sentence) the number of the group that each unit is in.
        sentences: those that can be replaced in one piece; numbered after the units.
        sentence_units: for each of them the numbers of the units in it, at least two.
    """

    turns: tuple[Turn, ...]
    units: tuple[Unit, ...]
    groups: tuple[tuple[int, ...], ...]
    sentences: tuple[Unit, ...] = ()
    sentence_units: tuple[tuple[int, ...], ...] = ()

    def size(self, edits: Edits) -> int:
        """Return how many units are edited; a replaced sentence counts as all units in it."""
        n = len(self.units)
        return sum(1 if number < n else len(self.sentence_units[number - n]) for number, _ in edits)

    def span(self, number: int) -> tuple[int, int, int]:
        """Return the turn of a unit, or of a sentence, and where it starts and ends there."""
        unit = self._unit(number)
        return unit.turn, unit.start, unit.end

    def edited(self, edits: Edits) -> tuple[Turn, ...]:
        """Return the turns with the edits in place."""
        by_turn: dict[int, list[tuple[Unit, str]]] = {}
        for number, fill in edits:
            unit = self._unit(number)
            by_turn.setdefault(unit.turn, []).append((unit, fill))
        return tuple(
            replace(turn, content=_put(turn.content, by_turn[i])) if i in by_turn else turn
            for i, turn in enumerate(self.turns)
        )

    def _unit(self, number: int) -> Unit:
        return self.units[number] if number < len(self.units) else self.sentences[number - len(self.units)]

    def edit(self, unit: int, fill: str) -> Edit:
        """Return the edit of the unit with that number."""
        span = self._unit(unit)
        return Edit(span, span.of(self.turns[span.turn].content), fill)

    def masked(self, hole: Hole) -> Masked:
        """Return a hole as infillers take it: the turn around it, and the turns before as `role: text` lines."""
        unit = self._unit(hole.unit)
        turns = self.edited(hole.edits)
        # The hole's place in the edited turn: edits before it may have other lengths.
        earlier = [(self._unit(number), fill) for number, fill in hole.edits]
        shift = sum(
            len(fill) - (span.end - span.start)
            for span, fill in earlier
            if span.turn == unit.turn and span.start < unit.start
        )
        content = turns[unit.turn].content
        start, end = unit.start + shift, unit.end + shift
        context = "".join(f"{turn.role}: {turn.content}\n" for turn in turns[: unit.turn])
        context += f"{turns[unit.turn].role}: " if len(turns) > 1 else ""
        return Masked(content[:start], content[start:end], content[end:], hole.avoid, context)


def editable(turns: Sequence[Turn], which: Iterable[int], *, split_k: int | None = 1) -> Editable:
    """Return turns with the units of some of them.

    Args:
        turns: all turns.
        which: indices of the turns that may be edited.
        split_k: words of one sentence in a unit; None = 1, or as many as keep the number at about
            `MOST_UNITS`.

    Raises:
        UsageError: split_k is less than 1.
    """
    if split_k is not None and split_k < 1:
        raise UsageError(f"split_k={split_k} is not valid; it must be at least 1")
    chosen = sorted(set(which))
    sentences = [_words(turns[turn].content, turn) for turn in chosen]
    units = _joined(turns, sentences, split_k or 1)
    if split_k is None and len(units) > MOST_UNITS:
        if sum(map(len, sentences)) > MOST_UNITS // 2:  # units then reach across sentences, but not across turns
            sentences = [[[word for words in turn for word in words]] for turn in sentences]
        k = 1
        while len(units) > MOST_UNITS and k < MOST_UNITS:
            k = max(k + 1, k * len(units) // MOST_UNITS)
            units = _joined(turns, sentences, k)
    coarser: tuple[Level, ...] = ("turn", "sentence")
    places = [_places(turns, chosen, level, units) for level in coarser]
    groups = tuple(level for level in places if len(set(level)) > 1)
    replaceable = list(_replaceable(turns, chosen, units, places[-1]))
    return Editable(
        tuple(turns),
        tuple(units),
        groups,
        tuple(sentence for sentence, _ in replaceable),
        tuple(numbers for _, numbers in replaceable),
    )


def _words(text: str, turn: int) -> list[list[Unit]]:
    """The words of a text, sentence by sentence."""
    words = iter(segment(text, "word", turn))
    sentences: list[list[Unit]] = []
    word = next(words, None)
    for sentence in segment(text, "sentence", turn):
        sentences.append([])
        while word is not None and word.start < sentence.end:
            sentences[-1].append(word)
            word = next(words, None)
    return sentences


def _joined(turns: Sequence[Turn], sentences: Iterable[Sequence[Sequence[Unit]]], k: int) -> list[Unit]:
    """Every k words of a sentence as one unit, without the white space around it."""
    units: list[Unit] = []
    for words in (words for turn in sentences for words in turn):
        for i in range(0, len(words), k):
            first, last = words[i], words[min(i + k, len(words)) - 1]
            text = turns[first.turn].content
            start, end = core(text, Unit(first.turn, first.start, last.end, first.level))
            if any(character.isalnum() for character in text[start:end]):  # punctuation has no replacement
                units.append(Unit(first.turn, start, end, first.level))
    return units


def _replaceable(
    turns: Sequence[Turn], chosen: Sequence[int], units: Sequence[Unit], places: Sequence[int]
) -> Iterator[tuple[Unit, tuple[int, ...]]]:
    """The sentences in which several units lie entirely, and these; without list marks and numbers before them."""
    by_sentence: dict[int, list[int]] = {}
    for i, place in enumerate(places):
        by_sentence.setdefault(place, []).append(i)
    sentences = [unit for turn in chosen for unit in segment(turns[turn].content, "sentence", turn)]
    for place, numbers in by_sentence.items():
        first = units[numbers[0]]
        text = first.of(turns[first.turn].content)
        inside = numbers[1:] if LIST_NUMBER.fullmatch(text.strip("*_")) else numbers
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
