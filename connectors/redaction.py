"""Personal data out of conversations, before anything reaches a model or the store.

What was found is replaced by a placeholder that says what it was, `[e-mail 1]`; within a conversation the same thing
has the same number. It is found by patterns whose matches are checked (the digits of a card and an IBAN, an address
that exists), by a list of names, and by whatever finder is handed in. No pattern finds everything: docs/privacy.md.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import category, normalize

from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.types import Conversation, Turn

from .personal import Found, patterns
from .texts import each_text

__all__ = ["Finder", "Found", "Redactor", "names", "names_of", "patterns", "presidio", "redacted"]

_LETTERS = 3  # of names, by which they are looked up
_LONGEST = 200_000  # characters that another package's finder gets at once

Finder = Callable[[str], Iterable[Found]]
"""Finds personal data in a text, in any order."""


def names(given: Iterable[str]) -> Finder:
    """Finds these names as whole words, in any case; longer ones first.

    In scripts without capital letters, as Chinese, names are found within words too: words are not set apart there.

    Raises:
        UsageError: there are none.
    """
    plain = {" ".join(name.split()) for name in given} - {""}
    if not plain:
        raise UsageError("the list of names holds none")
    wanted = sorted({normalize(form, name) for form in ("NFC", "NFD") for name in plain}, key=len, reverse=True)
    apart, within = [name for name in wanted if _cased(name[0])], [name for name in wanted if not _cased(name[0])]
    parts = [rf"(?<![^\W_])(?:{_any_of(apart)})"] * bool(apart) + [_any_of(within)] * bool(within)
    pattern = re.compile("|".join(parts), re.IGNORECASE)

    def find(text: str) -> Iterator[Found]:
        return (Found(*match.span(), "name") for match in pattern.finditer(text))

    return find


def names_of(path: Path) -> Finder:
    """Finds the names in a file, one a line.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    try:
        return names(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"names {str(path)!r}: {error}") from error


def presidio(language: str = "en") -> Finder:
    """Finds what Microsoft's Presidio finds: people, places and much else, by a language model and by patterns.

    Raises:
        MissingExtraError: Presidio is not installed.
        UnavailableError: its model is not.
    """
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise MissingExtraError("Redaction by Presidio", "redact") from error
    try:
        engine = AnalyzerEngine()
        engine.analyze("", language)
    except (Exception, SystemExit) as error:  # it downloads a model, and may leave the program where it cannot
        raise UnavailableError(
            f"Presidio has no model for {language!r}: {error}. Install one: python -m spacy download en_core_web_lg"
        ) from error

    def find(text: str) -> Iterator[Found]:
        for start in range(0, len(text), _LONGEST):
            for one in engine.analyze(text[start : start + _LONGEST], language):
                yield Found(start + one.start, start + one.end, one.entity_type.lower().replace("_", " "))

    return find


class Redactor:
    """Replaces what its finders find, in conversations of one log.

    Args:
        finders: what finds personal data; what overlaps is replaced as one, and called by its longest part.

    Attributes:
        counts: how often each kind was replaced, over all calls: of a conversation that grows and is handed in turn by
            turn, as the hooks do, what stands in its first turns is counted each time.
    """

    def __init__(self, finders: Sequence[Finder] = (patterns,)) -> None:
        self.counts: Counter[str] = Counter()
        self._finders = tuple(finders)
        self._ids: dict[str, dict[str, int]] = {}

    def __call__(self, conversation: Conversation) -> Conversation:
        """The conversation without it: contents, names, id and whatever text its metadata holds."""
        numbers = _Numbers()

        def clean(text: str) -> str:
            return self._replaced(text, numbers)

        def cleaned(turn: Turn) -> Turn:
            name = turn.name and clean(turn.name)
            return Turn(turn.role, clean(turn.content), name, turn.at, each_text(turn.metadata, clean))

        turns = tuple(map(cleaned, conversation.turns))
        metadata = each_text(conversation.metadata, clean)
        id = self._distinct(conversation.id, clean(conversation.id))
        return replace(conversation, id=id, turns=turns, metadata=metadata)

    def _distinct(self, before: str, id: str) -> str:
        """An id that stays another one than those of other conversations: `[e-mail 1]`, `[e-mail 1]#2`."""
        if id == before:
            return id
        given = self._ids.setdefault(id, {})
        number = given.setdefault(before, len(given) + 1)
        return id if number == 1 else f"{id}#{number}"

    def _replaced(self, text: str, numbers: "_Numbers") -> str:
        parts, last = [], 0
        for one in _apart(found for find in self._finders for found in find(text)):
            self.counts[one.kind] += 1
            parts += [text[last : one.start], f"[{one.kind} {numbers.of(one.kind, text[one.start : one.end])}]"]
            last = one.end
        return "".join([*parts, text[last:]])


class _Numbers:
    """Numbers what was found in a conversation: the same thing, however it is written, has the same number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()

    def of(self, kind: str, text: str) -> int:
        plain = re.sub(r"[\W_]", "", text) if kind in ("phone", "card", "IBAN") else " ".join(text.split())
        key = kind, normalize("NFC", plain).casefold().replace("%40", "@")
        if key not in self._numbers:
            self._last[kind] += 1
            self._numbers[key] = self._last[kind]
        return self._numbers[key]


def _any_of(wanted: Sequence[str], at: int = 0) -> str:
    """A pattern for what these names have from there on. By their first letters, so that they can be many thousands."""
    if at == _LETTERS or len(wanted) == 1:
        return "|".join(_spaced(name[at:]) + _end(name) for name in wanted)
    groups: dict[str, list[str]] = {}
    for name in wanted:
        groups.setdefault(name[at : at + 1].lower(), []).append(name)
    return "|".join(
        f"{_spaced(group[0][at])}(?:{_any_of(group, at + 1)})" if first else _end(group[0])
        for first, group in groups.items()
    )


def _spaced(text: str) -> str:
    return re.escape(text).replace(r"\ ", r"\s{1,4}")


def _end(name: str) -> str:
    return r"(?![^\W_])" if _cased(name[-1]) else ""


def _cased(letter: str) -> bool:
    """Whether words are set apart in its script, as far as that can be told by whether it has capitals."""
    return category(letter) != "Lo"


def _apart(found: Iterable[Found]) -> list[Found]:
    """In order, and what overlaps as one, so that nothing of either is left."""
    apart: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        last = apart[-1] if apart else None
        if last is None or one.start >= last.end:
            apart += [one] if one.start < one.end else []
        elif one.end > last.end:
            kind = one.kind if one.end - one.start > last.end - last.start else last.kind
            apart[-1] = Found(last.start, one.end, kind)
    return apart


def redacted(
    conversations: Iterable[Conversation], change: Callable[[Conversation], Conversation]
) -> Iterator[Conversation]:
    """Conversations after a change: a Redactor, or any function from a conversation to a conversation."""
    return map(change, conversations)
