"""The audit of texts that are no JSON: lines that are in no turn, and that their reader did not put aside."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from .claimed_texts import letters_of, part_texts, pieces_of
from .json_values import parse_json
from .parse_results import ParsedConversation
from .record_texts import LONG, is_prose

_SEPARATOR = re.compile(r"(?:\d\d|[AaPp][Mm])\s\S{1,60}\s|[:：\])>]\s?|\s[-–]\s")
"""Signs between the time, the speaker and the text in a line."""
_MAX_PREFIX = 120
"""Characters of time and speaker before a text."""
_MAX_SEPARATORS = 10
_MAX_SEARCHED = 2_000_000_000
"""Letters that are searched for lines that no turn holds."""
_DATA = "data:"


class ClaimedLines:
    """The texts of conversations, by which lines are looked up: by their letters, in the order of the log.

    Args:
        conversations: what was read.
        id: the id that the log has for them.
    """

    def __init__(self, conversations: Sequence[ParsedConversation], id: str | None = None) -> None:
        turns = [turn for conversation in conversations for turn in conversation.turns]
        texts = [turn.content for turn in turns]
        texts += [text for turn in turns for text in part_texts(turn.parts)]
        texts += [name for turn in turns for name in {turn.speaker: None, turn.name or "": None}]
        texts += [*_strings([conversation.metadata for conversation in conversations]), id or ""]
        texts += _strings([turn.metadata for turn in turns])
        self._letters = "".join(map(letters_of, dict.fromkeys(texts)))
        self._aside = {line.strip() for x in conversations for line in _strings(x.aside)}
        self._place = 0
        self._budget = _MAX_SEARCHED

    def unclaimed(self, line: str) -> int:
        """Return the number of characters of a line that are in no turn and were not put aside."""
        return 0 if line.strip() in self._aside else sum(map(self._unclaimed_cell, line.strip().split("\t")))

    def _unclaimed_cell(self, text: str) -> int:
        if len(text) < LONG or not is_prose(text) or text in self._aside:
            return 0
        if any(self._holds(letters_of(suffix)) for suffix in _suffixes(text)):
            return 0
        pieces = list(pieces_of(text))
        if len(pieces) == 1 and pieces[0][0] == text:
            return len(text)
        return sum(len(piece) for piece, letters in pieces if not self._holds(letters))

    def _holds(self, letters: str) -> bool:
        """Return whether the turns hold letters: most likely behind those that were found before."""
        if not letters or self._budget < 0:
            return True
        place = self._letters.find(letters, self._place)
        if place < 0:
            place = self._letters.find(letters)
            self._budget -= len(self._letters)
        self._place = place if place >= 0 else self._place
        return place >= 0


def json_of(line: str) -> dict[str, Any] | None:
    """Return the object in a line of a recorded stream; None for any other line."""
    text = line.strip()
    text = text.removeprefix(_DATA).lstrip()
    value = parse_json(text)[0] if text.startswith("{") else None
    return value if isinstance(value, dict) else None


def _suffixes(text: str) -> Iterator[str]:
    """Yield a line, and what follows its time and its speaker."""
    yield text
    for number, match in enumerate(_SEPARATOR.finditer(text, 0, _MAX_PREFIX)):
        if number == _MAX_SEPARATORS:
            return
        yield text[match.end() :]


def _strings(values: Sequence[Any]) -> Iterator[str]:
    pending = list(reversed(values))
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pending += reversed(value.values())
        elif isinstance(value, list | tuple):
            pending += reversed(value)
