"""Redaction of personal data in conversations, before anything reaches a model or the store.

Personal data is replaced by a placeholder that names its kind, `[e-mail 1]`; within a conversation the same data has
the same number. It is found by patterns whose matches are checked (the digits of a card and an IBAN, a valid address),
by a list of names, and by any further finder. No pattern finds everything: docs/privacy.md.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import category, normalize

from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.parts import Media, Part, ToolCall
from convexplain.types import Conversation, Turn

from .json_texts import map_texts
from .personal_data import PersonalSpan, check_libraries, patterns

__all__ = [
    "Finder",
    "PersonalSpan",
    "Redactor",
    "checked_patterns",
    "names",
    "names_of",
    "patterns",
    "presidio",
    "redacted",
]

_LETTERS = 3  # first letters of names, by which they are grouped
_LONGEST = 200_000  # characters that Presidio gets at once
_MAX_NAMES = 1 << 25  # bytes of a file of names
_COMPACT = frozenset(["phone", "card", "IBAN", "national number", "MAC address"])  # the same with other separators

Finder = Callable[[str], Iterable[PersonalSpan]]
"""A function that finds personal data in a text, in any order."""


def checked_patterns() -> Finder:
    """Return `patterns`, once its libraries are known to be there.

    Raises:
        MissingExtraError: the extra `redact` is not installed.
    """
    check_libraries()
    return patterns


def names(listed_names: Iterable[str]) -> Finder:
    """Return a finder of these names as whole words, in any case; longer names first.

    In scripts without capital letters, as Chinese, names are found within words too: no spaces separate words.

    Raises:
        UsageError: the list is empty.
    """
    plain = {" ".join(name.split()) for name in listed_names} - {""}
    if not plain:
        raise UsageError("the list of names holds none")
    forms = sorted({normalize(form, name) for form in ("NFC", "NFD") for name in plain}, key=len, reverse=True)
    cased, uncased = [name for name in forms if _has_case(name[0])], [name for name in forms if not _has_case(name[0])]
    parts = [rf"(?<![^\W_])(?:{_any_of(cased)})"] * bool(cased) + [_any_of(uncased)] * bool(uncased)
    pattern = re.compile("|".join(parts), re.IGNORECASE)

    def find(text: str) -> Iterator[PersonalSpan]:
        return (PersonalSpan(*match.span(), "name") for match in pattern.finditer(text))

    return find


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
        numbers = _Numbers()

        def clean(text: str) -> str:
            return self._replace(text, numbers)

        def clean_turn(turn: Turn) -> Turn:
            name = turn.name and clean(turn.name)
            metadata = map_texts(turn.metadata, clean)
            if not turn.parts:
                return Turn(turn.role, clean(turn.content), name, turn.at, metadata)
            return Turn.of_parts(turn.role, [_clean_part(part, clean) for part in turn.parts], name, turn.at, metadata)

        turns = tuple(map(clean_turn, conversation.turns))
        metadata = map_texts(conversation.metadata, clean)
        id = self._distinct(conversation.id, clean(conversation.id))
        return replace(conversation, id=id, turns=turns, metadata=metadata)

    def _distinct(self, before: str, id: str) -> str:
        """Return an id that differs from those of all other conversations: `[e-mail 1]`, `[e-mail 1]#2`."""
        if id == before:
            return id
        numbers = self._ids.setdefault(id, {})
        number = numbers.setdefault(before, len(numbers) + 1)
        return id if number == 1 else f"{id}#{number}"

    def _replace(self, text: str, numbers: "_Numbers") -> str:
        parts, last = [], 0
        for span in _disjoint(span for find in self._finders for span in find(text)):
            self.counts[span.kind] += 1
            parts += [text[last : span.start], f"[{span.kind} {numbers.of(span.kind, text[span.start : span.end])}]"]
            last = span.end
        return "".join([*parts, text[last:]])


class _Numbers:
    """The numbers of a conversation's personal data: the same data, however it is written, has the same number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()

    def of(self, kind: str, text: str) -> int:
        plain = re.sub(r"[\W_]", "", text) if kind in _COMPACT else " ".join(text.split())
        key = kind, normalize("NFC", plain).casefold().replace("%40", "@")
        if key not in self._numbers:
            self._last[kind] += 1
            self._numbers[key] = self._last[kind]
        return self._numbers[key]


def _any_of(names: Sequence[str], at: int = 0) -> str:
    """Return a pattern for the names from that letter on, grouped by first letters: there may be many thousands."""
    if at == _LETTERS or len(names) == 1:
        return "|".join(_spaced_pattern(name[at:]) + _end(name) for name in names)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name[at : at + 1].lower(), []).append(name)
    return "|".join(
        f"{_spaced_pattern(group[0][at])}(?:{_any_of(group, at + 1)})" if first else _end(group[0])
        for first, group in groups.items()
    )


def _spaced_pattern(text: str) -> str:
    return re.escape(text).replace(r"\ ", r"\s{1,4}")


def _end(name: str) -> str:
    return r"(?![^\W_])" if _has_case(name[-1]) else ""


def _has_case(letter: str) -> bool:
    """Return whether its script has capital letters, and thus, most likely, spaces between words."""
    return category(letter) != "Lo"


def _disjoint(spans: Iterable[PersonalSpan]) -> list[PersonalSpan]:
    """Return the spans in order, those that overlap as one, so that nothing of either remains in the text."""
    disjoint: list[PersonalSpan] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        last = disjoint[-1] if disjoint else None
        if last is None or span.start >= last.end:
            disjoint += [span] if span.start < span.end else []
        elif span.end > last.end:
            kind = span.kind if span.end - span.start > last.end - last.start else last.kind
            disjoint[-1] = PersonalSpan(last.start, span.end, kind)
    return disjoint


def redacted(
    conversations: Iterable[Conversation], change: Callable[[Conversation], Conversation]
) -> Iterator[Conversation]:
    """Yield conversations after a change: a Redactor, or any function from a conversation to a conversation."""
    return map(change, conversations)


def _clean_part(part: Part, clean: Callable[[str], str]) -> Part:
    match part:
        case ToolCall(arguments=arguments):
            return replace(part, arguments=clean(arguments))
        case Media(name=name):
            return replace(part, name=clean(name))
        case _:
            return replace(part, text=clean(part.text))
