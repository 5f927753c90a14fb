"""The audit of what records hold beside their turns: answers and branches that no reader took are reported."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from convexplain.parts import Media, Part, ToolCall

from . import pair_fields
from .field_shapes import TEXT_NAMES, is_text, name_words, words_of
from .html_text import html_to_text
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter, quoted_names
from .structure import ITEM, Steps, steps_path
from .typed_values import decoded

_ANSWERS = words_of(
    "chosen rejected preferred dispreferred response responses completion completions answer answers output outputs "
    "reply replies children siblings alternatives alternative candidates generations regenerations variants "
    "swipes branches drafts antwort antworten respuesta respuestas réponse réponses risposta ответ 回答 答案 답변"
)
"""Words for an answer, or for the branches of a conversation."""
_OTHERS = pair_fields.OTHERS | words_of(
    "expected reference references gold golden ideal correct target tool tools function format schema error margin"
)
"""Words that make such a name one of a text that nobody said in the conversation."""
_FLAGS = ("True", "False", "true", "false")
"""Cells of a table that are no texts; another is damaged JSON."""
_INNER_TEXTS = TEXT_NAMES | _ANSWERS | words_of("parts blocks turns messages conversation conversations data")
_SPEAKER = re.compile(r"^\s*\w{1,20}:(?=\s|\Z)", re.MULTILINE)
"""The speaker before a turn in a transcript."""
_NO_WORDS = re.compile(r"[\W_]+")
_BRANCHES = words_of("children siblings alternatives alternative branches")
"""Those of them whose lists of single words are ids."""
_SIDE_NAMES = words_of("metadata meta config settings options params parameters usage")
"""Words in the name of what belongs to the call, and not to the conversation."""
_SHORT = 16
"""Letters of a text from which on it may be a part of a turn."""
_MAX_SEARCHED = 5_000_000_000
"""Letters that are searched for texts that no turn is by itself, a few seconds' work."""
_MAX_DEPTH = 40
_MAX_NAME = 60
_MAX_NAMES = 50
"""Keys of an object from which on their kinds are not remembered: they may be ids."""
_MAX_PATHS = 200
"""Places that are counted one by one."""


@dataclass(slots=True)
class _Loss:
    position: int
    texts: int = 0
    records: int = 0


@dataclass(slots=True)
class LossAudit:
    """The texts of one file that have the place of an answer or a branch and are in no turn.

    What is under such a name counts in whatever it is nested; what is under any other name is metadata.
    """

    _losses: dict[str, _Loss] = field(default_factory=dict)
    _unsearched: int = 0

    def check(
        self, position: int, record: Any, conversations: Sequence[ParsedConversation], counted: Sequence[str] = ()
    ) -> None:
        """Count the answers in a record that are in none of its conversations.

        Args:
            position: the place of the record that a message names.
            record: the record.
            conversations: what was read in it.
            counted: keys of branches that the reader counts itself.
        """
        if candidates := _answers_in(record, counted):
            self._count(position, candidates, ClaimedTexts(conversations))

    def check_all(
        self, records: Sequence[tuple[int, Any]], parsed: Iterator[ParsedRecord], counted: Sequence[str] = ()
    ) -> Iterator[ParsedRecord]:
        """Yield the conversations that many records make up; count the answers in the records that are in none."""
        candidates = [(position, answers) for position, record in records if (answers := _answers_in(record, counted))]
        if not candidates:
            yield from parsed
            return
        claims = ClaimedTexts(())
        for parsed_record in parsed:
            claims.add(parsed_record.conversations)
            yield parsed_record
        for position, answers in candidates:
            self._count(position, answers, claims)

    def report(self, report: ProblemReporter) -> None:
        """Report what was counted, each place once, as left out."""
        for path, loss in self._losses.items():
            texts = f"{loss.texts:,} texts" if loss.texts > 1 else "1 text"
            verb = "are" if loss.texts > 1 else "is"
            places = f", in {loss.records:,} records, first here" if loss.records > 1 else ""
            report(loss.position, f"{texts} under {quoted_names([path])} {verb} in no turn{places}")
        if self._unsearched:
            texts = "1 text was" if self._unsearched == 1 else f"{self._unsearched:,} texts were"
            reason = f"{texts} not compared with the turns, though under names of answers: there are too many"
            report(None, reason, kept=True)
        self._losses.clear()
        self._unsearched = 0

    def _count(self, position: int, candidates: Iterable[tuple[Steps, str]], claims: "ClaimedTexts") -> None:
        touched = set()
        for keys, text in candidates:
            if text in claims:
                continue
            path = steps_path(keys)
            path = path if path in self._losses or len(self._losses) < _MAX_PATHS else "…"
            loss = self._losses.setdefault(path, _Loss(position))
            loss.texts += 1
            loss.records += path not in touched
            touched.add(path)
        self._unsearched += claims.unsearched
        claims.unsearched = 0


class ClaimedTexts:
    """The texts of turns, by which texts of a record are looked up: exactly, or by their letters and digits.

    Attributes:
        unsearched: the number of texts that were not searched for in the turns, because there are too many; they count
            as parts of a turn.
    """

    def __init__(self, conversations: Iterable[ParsedConversation]) -> None:
        self.unsearched = 0
        self._budget = _MAX_SEARCHED
        self._texts: set[str] = set()
        self._conversations: list[list[str]] = []
        self._letters: set[str] = set()
        self._joined: list[str] = []
        self.add(conversations)

    def add(self, conversations: Iterable[ParsedConversation]) -> None:
        """Add the texts of conversations, with their calls of tools as JSON writes them."""
        for conversation in conversations:
            contents = [turn.content for turn in conversation.turns]
            parts = [text for turn in conversation.turns for text in _part_texts(turn.parts)]
            self._conversations += [contents, parts] if parts else [contents]
            self._texts.update(contents, parts)

    def __contains__(self, text: str) -> bool:
        if text in self._texts:
            return True
        while self._conversations:
            letters = [_letters(claimed) for claimed in self._conversations.pop()]
            self._letters.update(letters)
            self._joined.append("".join(letters))  # a transcript holds the texts of several turns
        return self._holds(_letters(text)) or ("<" in text and self._holds(_letters(html_to_text(text))))

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


def _answers_in(record: Any, counted: Sequence[str]) -> list[tuple[Steps, str]]:
    """Return the texts in a record that have the place of an answer, with the keys that lead there.

    The path ends at the name of the answer. Only objects are visited until such a name comes.
    """
    answers: list[tuple[Steps, str]] = []
    stack: list[tuple[Steps, Any]] = [((), record)]
    while stack:
        keys, value = stack.pop()
        if isinstance(value, list):
            if len(keys) < _MAX_DEPTH:
                stack += [((*keys, ITEM), inner) for inner in value if isinstance(inner, dict | list)]
            continue
        if not isinstance(value, dict):
            continue
        names = tuple(value)
        answer_names, side_names = _names(names) if len(names) < _MAX_NAMES else _names.__wrapped__(names)
        for name, inner in value.items():
            if name in answer_names and name not in counted:
                answers += [((*keys, name), text) for text in _texts(decoded(inner), answer_names[name])]
            elif isinstance(inner, dict | list) and len(keys) < _MAX_DEPTH and name not in (*side_names, *counted):
                stack.append(((*keys, name), inner))
    return answers


@lru_cache(maxsize=1000)
def _names(names: tuple[Any, ...]) -> tuple[Mapping[str, bool], frozenset[str]]:
    """Return those of an object's keys that are names of an answer, and of these whether single words are answers; and
    its keys for what is no part of a conversation.
    """
    words = {name: _key_words(name) for name in names if isinstance(name, str) and len(name) < _MAX_NAME}
    answers = {
        name: keys[-1] not in _BRANCHES
        for name, keys in words.items()
        if keys and keys[-1] in _ANSWERS and _OTHERS.isdisjoint(keys)
    }
    return answers, frozenset(name for name, keys in words.items() if not _SIDE_NAMES.isdisjoint(keys))


def _key_words(name: str) -> list[str]:
    """Return the words in a key, without numbers and letters behind them (`response_a`, `answer 2`)."""
    words = [word.rstrip("0123456789") for word in name_words(name)]
    while words and len(words[-1]) < 2 and words[-1].isascii():
        words.pop()
    return words


def _texts(value: Any, may_be_short: bool) -> Iterator[str]:
    """Yield the texts under the name of an answer: the value, those in a list, and the texts of turns in it.

    Args:
        value: what is under the name.
        may_be_short: whether a single word by itself is an answer.
    """
    stack = [(value, may_be_short, 0)]
    while stack:
        inner, is_named, depth = stack.pop()
        if isinstance(inner, str):
            if is_text(inner) or (is_named and inner.strip() and inner not in _FLAGS and inner[0] not in "{["):
                yield inner
        elif depth < _MAX_DEPTH and isinstance(inner, list):
            stack += [(item, is_named, depth + 1) for item in reversed(inner)]
        elif depth < _MAX_DEPTH and isinstance(inner, dict):
            stack += [
                (item, False, depth + 1)
                for name, item in inner.items()
                if isinstance(item, dict | list) or not _INNER_TEXTS.isdisjoint(name_words(str(name)))
            ]
