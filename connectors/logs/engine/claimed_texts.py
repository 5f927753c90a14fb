"""The texts that readers took or put aside, by which the texts of a record are looked up."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from convexplain.parts import Media, Part, ToolCall

from .html_text import html_to_text
from .parse_results import ParsedConversation

_SPEAKER = re.compile(r"^\s*\w{1,20}:(?=\s|\Z)", re.MULTILINE)
"""The speaker before a turn in a transcript."""
_NO_WORDS = re.compile(r"[\W_]+")
_PIECES = re.compile(r"[\r\n]+|(?<=[.!?。！？])\s+|\\n|</?\w[^<>\n]{0,100}>")
"""Line ends, ends of sentences and marks between the pieces of a text."""
_SHORT = 16
"""Letters of a text from which on it may be a part of a turn."""
_MAX_SEARCHED = 5_000_000_000
"""Letters that are searched for texts that no turn is by itself, a few seconds' work."""


class ClaimedTexts:
    """The texts of turns, by which texts of a record are looked up: exactly, or by their letters and digits.

    Attributes:
        exact: the texts of turns, with their calls of tools as JSON writes them.
        unsearched: the number of texts that were not searched for in the turns, because there are too many; they count
            as parts of a turn.
    """

    def __init__(self, conversations: Iterable[ParsedConversation]) -> None:
        self.exact: set[str] = set()
        self.unsearched = 0
        self._budget = _MAX_SEARCHED
        self._conversations: list[list[str]] = []
        self._beside: list[Any] = []
        self._letters: set[str] = set()
        self._joined: list[str] = []
        self._texts_beside: set[str] = set()
        self._words_beside: set[str] = set()
        self.add(conversations)

    def add(self, conversations: Iterable[ParsedConversation]) -> None:
        """Add the texts of conversations, and what their metadata and what was put aside hold."""
        for conversation in conversations:
            contents = [turn.content for turn in conversation.turns]
            parts = [text for turn in conversation.turns for text in _part_texts(turn.parts)]
            self._conversations += [contents, parts] if parts else [contents]
            self.exact.update(contents, parts)
            self._beside += [conversation.metadata] if conversation.metadata else []
            self._beside += [turn.metadata for turn in conversation.turns if turn.metadata]
            self._beside += conversation.aside

    def __contains__(self, text: str) -> bool:
        if text in self.exact:
            return True
        while self._conversations:
            letters = [_letters(claimed) for claimed in self._conversations.pop()]
            self._letters.update(letters)
            self._joined.append("".join(letters))  # a transcript holds the texts of several turns
        return self._holds(_letters(text)) or ("<" in text and self._holds(_letters(html_to_text(text))))

    def unclaimed(self, text: str) -> int:
        """Return the number of characters of a text that are in no turn: of all its lines and sentences, or none."""
        if text in self:
            return 0
        pieces = [piece for piece in _PIECES.split(text) if len(_letters(piece)) >= _SHORT]
        return sum(len(piece) for piece in pieces if piece not in self) if len(pieces) > 1 else len(text)

    def is_beside(self, text: str) -> bool:
        """Return whether a text is in the metadata, or was put aside."""
        self._search_beside()
        return text in self._texts_beside

    def has_label(self, word: str) -> bool:
        """Return whether the metadata hold a label, or it was put aside; `word` is the label as `label_word` writes it."""
        self._search_beside()
        return word in self._words_beside

    def _search_beside(self) -> None:
        while self._beside:
            value = self._beside.pop()
            if isinstance(value, dict):
                self._beside += value.values()
            elif isinstance(value, list):
                self._beside += value
            elif isinstance(value, str):
                self._texts_beside.add(value)
                self._words_beside.add(label_word(value))
            elif value is not None:
                self._words_beside.add(label_word(value))

    def _holds(self, letters: str) -> bool:
        if not letters or letters in self._letters:
            return True
        if len(letters) < _SHORT:
            return letters in self._joined
        for joined in self._joined:
            self._budget -= len(joined)
            if self._budget < 0:
                self.unsearched += 1
                return True
            if letters in joined:
                return True
        return False


def label_word(value: Any) -> str:
    """Return a label as a word: a number without a point where it is whole."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def _part_texts(parts: Iterable[Part]) -> Iterator[str]:
    """Yield the texts of parts; calls of tools as JSON writes them."""
    for part in parts:
        if isinstance(part, ToolCall):
            yield part.arguments
            yield f"name{part.name}arguments{part.arguments}"
        elif not isinstance(part, Media):
            yield part.text


def _letters(text: str) -> str:
    return _NO_WORDS.sub("", _SPEAKER.sub("", text)).casefold()
