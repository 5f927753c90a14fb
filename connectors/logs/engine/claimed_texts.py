"""The texts that readers took or put aside, by which the texts of a record are looked up."""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

from convexplain.parts import Media, Part, ToolCall

from .html_text import html_to_text
from .parse_results import ParsedConversation
from .roles import role_of

_SPEAKER = re.compile(r"^\s*\w{1,20}:(?=\s|\Z)", re.MULTILINE)
"""The speaker before a turn in a transcript."""
_NO_WORDS = re.compile(r"[\W_]+")
_PIECES = re.compile(r"[\r\n]+|(?<=[.!?。！？])\s+")
"""Line ends and ends of sentences between the pieces of a text."""
_TAG = re.compile(r"<summary>[^<]*</summary>|</?(\w[^<>]*)>")
"""A mark of HTML and the like with what is in it; what the program says of thoughts."""
_TOKEN = re.compile(
    r"<\|im_start\|>[^\n<]{1,40}\n|<\|[^|<>\n]{1,40}\|>(?:[^<\n]{1,60}(?=<\|(?:message|channel|constrain|end_header_id)\|>))?"
)
"""A special token of a chat template, with the words of a turn's header behind it."""
_MARKUP = re.compile(r"</?\w|&\w+;")
_MIN_PIECE = 5
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
        self._aside: list[Any] = []
        self._letters: set[str] = set()
        self._joined: list[str] = []
        self._texts_beside: set[str] = set()
        self._texts_aside: set[str] = set()
        self._words_beside: set[str] = set()
        self.add(conversations)

    def add(self, conversations: Iterable[ParsedConversation]) -> None:
        """Add the texts of conversations, and what their metadata and what was put aside hold."""
        for conversation in conversations:
            contents = [turn.content for turn in conversation.turns]
            parts = [text for turn in conversation.turns for text in part_texts(turn.parts)]
            self._conversations += [contents, parts] if parts else [contents]
            self.exact.update(contents, parts)
            self._beside += [conversation.metadata] if conversation.metadata else []
            self._beside += [turn.metadata for turn in conversation.turns if turn.metadata]
            self._aside += conversation.aside

    def __contains__(self, text: str) -> bool:
        if text in self.exact:
            return True
        while self._conversations:
            letters = [letters_of(claimed) for claimed in self._conversations.pop()]
            self._letters.update(letters)
            self._joined.append("".join(letters))  # a transcript holds the texts of several turns
        if self._holds(letters_of(text)) or (_MARKUP.search(text) and self._holds(letters_of(html_to_text(text)))):
            return True
        return "<|" in text and all(self._holds(letters_of(piece)) for piece in _TOKEN.split(text))

    def unclaimed(self, text: str) -> int:
        """Return the number of characters of a text that are in no turn: of all its lines and sentences, or none."""
        if text in self:
            return 0
        pieces = list(pieces_of(text))
        if len(pieces) == 1 and pieces[0][0] == text:
            return len(text)
        return sum(len(piece) for piece, letters in pieces if not (self._contain(letters) or _is_speaker(piece)))

    def is_beside(self, text: str) -> bool:
        """Return whether a text is in the metadata, or was put aside."""
        if self.is_aside(text):
            return True
        self._search(self._beside, self._texts_beside)
        return _is_among(text, self._texts_beside)

    def is_aside(self, text: str) -> bool:
        """Return whether a text was put aside."""
        self._search(self._aside, self._texts_aside)
        return _is_among(text, self._texts_aside)

    def has_label(self, word: str) -> bool:
        """Return whether the metadata hold a label, or it was put aside.

        Args:
            word: the label as `label_word` writes it.
        """
        self._search(self._aside, self._texts_aside)
        self._search(self._beside, self._texts_beside)
        return word in self._words_beside

    def _search(self, values: list[Any], texts: set[str]) -> None:
        """Move the texts in values to a set, and the words of their labels to those beside."""
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values += value.values()
            elif isinstance(value, list | tuple):
                values += value
            elif isinstance(value, str):
                texts.add(value)
                self._words_beside.add(label_word(value))
            elif value is not None:
                self._words_beside.add(label_word(value))

    def _holds(self, letters: str) -> bool:
        if not letters or letters in self._letters:
            return True
        if len(letters) < _SHORT:
            return letters in self._joined
        return self._contain(letters)

    def _contain(self, letters: str) -> bool:
        for joined in self._joined:
            self._budget -= len(joined)
            if self._budget < 0:
                self.unsearched += 1
                return True
            if letters in joined:
                return True
        return False


def _is_among(text: str, texts: set[str]) -> bool:
    return text in texts or (bool(_MARKUP.search(text)) and html_to_text(text) in texts)


def pieces_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines and sentences of a text with their letters, and the texts in its marks; not the marks."""
    marks: list[str] = []
    if "<|" in text:
        text = _TOKEN.sub("\n", text)
    if _MARKUP.search(text):
        marks = [piece for tag in _TAG.findall(text) for piece in unescape(tag).split('"')]
        text = unescape(_TAG.sub("\n", text))
    for pieces, least in ((_PIECES.split(text), _MIN_PIECE), (marks, _SHORT)):
        for piece in pieces:
            if len(letters := letters_of(piece)) >= least:
                yield piece, letters


def _is_speaker(piece: str) -> bool:
    """Return whether a piece of a text is no more than the word of a speaker."""
    return role_of(piece.strip(" :*#[]|/")) is not None


def label_word(value: Any) -> str:
    """Return a label as a word: a number without a point where it is whole."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def part_texts(parts: Iterable[Part]) -> Iterator[str]:
    """Yield the texts of parts; calls of tools as JSON writes them."""
    for part in parts:
        if isinstance(part, ToolCall):
            yield part.arguments
            yield f"name{part.name}arguments{part.arguments}"
        elif not isinstance(part, Media):
            yield part.text


def text_letters(text: str) -> str:
    """Return the letters and digits that people see of a text, which may be HTML."""
    return letters_of(html_to_text(text) if _MARKUP.search(text) else text)


def letters_of(text: str) -> str:
    """Return the letters and digits of a text, without the words of speakers that begin its lines."""
    return _NO_WORDS.sub("", _SPEAKER.sub("", text)).casefold()
