"""Redaction of personal data in conversations, before anything reaches a model or the store.

Personal data is replaced by a placeholder that names its kind, `[e-mail 1]`; within a conversation the same data has
the same number. It is found by patterns whose matches are checked (the digits of a card and an IBAN, a valid address),
by a list of names, and by any further finder. No pattern finds everything: docs/privacy.md.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.types import Conversation

from .conversation_redaction import ConversationRedaction, Finder, repetitions
from .name_lists import names
from .personal_data import PersonalSpan, check_libraries, patterns

__all__ = [
    "ConversationRedaction",
    "Finder",
    "PersonalSpan",
    "Redactor",
    "checked_patterns",
    "names",
    "names_of",
    "patterns",
    "presidio",
    "redacted",
    "repetitions",
]

_LONGEST = 200_000  # characters that Presidio gets at once
_MAX_NAMES = 1 << 25  # bytes of a file of names


def checked_patterns() -> Finder:
    """Return `patterns`, once its libraries are known to be there.

    Raises:
        MissingExtraError: the extra `redact` is not installed.
    """
    check_libraries()
    return patterns


def names_of(path: Path) -> Finder:
    """Return a finder of the names in a file, one on each line.

    Raises:
        UsageError: the file cannot be read, or has no names.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_NAMES + 1)
        if len(content) > _MAX_NAMES:
            raise UsageError(f"names {str(path)!r}: has more than {_MAX_NAMES:,} bytes")
        return names(content.decode("utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"names {str(path)!r}: {error}") from error


def presidio(language: str = "en") -> Finder:
    """Return Microsoft's Presidio as a finder: people, places and much else, by a language model and by patterns.

    Raises:
        MissingExtraError: Presidio is not installed.
        UnavailableError: its model is not installed.
    """
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise MissingExtraError("Redaction by Presidio", "presidio") from error
    try:
        engine = AnalyzerEngine()
        engine.analyze("", language)
    except (Exception, SystemExit) as error:  # it downloads a model, and may leave the program where it cannot
        raise UnavailableError(
            f"Presidio has no model for {language!r}: {error}. Install one: python -m spacy download en_core_web_lg"
        ) from error

    def find(text: str) -> Iterator[PersonalSpan]:
        for start in range(0, len(text), _LONGEST):
            for entity in engine.analyze(text[start : start + _LONGEST], language):
                kind = entity.entity_type.lower().replace("_", " ")
                yield PersonalSpan(start + entity.start, start + entity.end, kind)

    return find


class Redactor:
    """A function that replaces the personal data in conversations of one log.

    Args:
        finders: the finders of personal data; spans that overlap are replaced as one, of the kind of the longest.

    Attributes:
        counts: how often each kind was replaced, over all calls. Where a growing conversation is redacted after each
            turn, as by the hooks, its first turns count each time.
    """

    def __init__(self, finders: Sequence[Finder] = (patterns,)) -> None:
        self.counts: Counter[str] = Counter()
        self._finders = tuple(finders)
        self._ids: dict[str, dict[str, int]] = {}

    def __call__(self, conversation: Conversation) -> Conversation:
        """Return the conversation without personal data in contents, names, id and the texts of its metadata."""
        return self.redaction(conversation).conversation

    def redaction(self, conversation: Conversation) -> ConversationRedaction:
        """Return the redaction of a conversation, which redacts further texts about it with the same placeholders."""
        redaction = ConversationRedaction(conversation, self._finders, self.counts)
        id = self._distinct(conversation.id, redaction.conversation.id)
        redaction.conversation = replace(redaction.conversation, id=id)
        return redaction

    def _distinct(self, before: str, id: str) -> str:
        """Return an id that differs from those of all other conversations: `[e-mail 1]`, `[e-mail 1]#2`."""
        if id == before:
            return id
        numbers = self._ids.setdefault(id, {})
        number = numbers.setdefault(before, len(numbers) + 1)
        return id if number == 1 else f"{id}#{number}"


def redacted(
    conversations: Iterable[Conversation], change: Callable[[Conversation], Conversation]
) -> Iterator[Conversation]:
    """Yield conversations after a change: a Redactor, or any function from a conversation to a conversation."""
    return map(change, conversations)
