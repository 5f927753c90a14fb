"""Personal data out of conversations, before anything reaches a model or the store.

What was found is replaced by a placeholder that says what it was, `[e-mail 1]`; within a conversation the same thing
has the same number. It is found by patterns whose matches are checked (the digits of a card and an IBAN, an address
that exists), by a list of names, and by whatever finder is handed in. No pattern finds everything: docs/privacy.md.
"""

import ipaddress
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.types import Conversation, Turn

_LONGEST = 200_000  # characters that another package's finder gets at once


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data in a text: `text[start:end]`, and what it is, in a word or two."""

    start: int
    end: int
    kind: str


Finder = Callable[[str], Iterable[Found]]

# Every repetition is bounded and begins where nothing of its own kind stands before it: long lines take linear time.
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]?\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.,/:+-])(?:\+|\(|00)?\d(?:[ ()/.-]{0,2}\d){6,16}(?![\w:]|[.,]\d)")
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2})(?!\d)")


def patterns(text: str) -> Iterator[Found]:
    """E-mail addresses, IBANs, payment cards, IP addresses and phone numbers, each kind checked as far as it can be."""
    for match in _EMAIL.finditer(text):
        yield Found(*match.span(), "e-mail")
    for match in _IBAN.finditer(text):
        if _is_iban(match[0]):
            yield Found(*match.span(), "IBAN")
    for match in _CARD.finditer(text):
        if _is_card(match[0]):
            yield Found(*match.span(), "card")
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if _is_address(match[0]):
                yield Found(*match.span(), "IP address")
    for match in _PHONE.finditer(text):
        if _is_phone(match[0]):
            yield Found(*match.span(), "phone")


def names(given: Iterable[str]) -> Finder:
    """Finds these names as whole words, in any case; longer ones first."""
    wanted = sorted({name.strip() for name in given if name.strip()}, key=lambda name: (-len(name), name))
    if not wanted:
        raise UsageError("the list of names holds none")
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, wanted))})(?!\w)", re.IGNORECASE)

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
    """Replaces what its finders find.

    Args:
        finders: what finds personal data; of what overlaps the longer one counts.

    Attributes:
        counts: how often each kind was replaced.
    """

    def __init__(self, finders: Sequence[Finder] = (patterns,)) -> None:
        self.counts: Counter[str] = Counter()
        self._finders = tuple(finders)

    def __call__(self, conversation: Conversation) -> Conversation:
        """The conversation without it: contents, names, id and whatever text its metadata holds."""
        numbers: dict[tuple[str, str], int] = {}

        def clean(text: str) -> str:
            return self._replaced(text, numbers)

        turns = tuple(
            Turn(turn.role, clean(turn.content), turn.name and clean(turn.name), turn.at, _inside(turn.metadata, clean))
            for turn in conversation.turns
        )
        metadata = _inside(conversation.metadata, clean)
        return replace(conversation, id=clean(conversation.id), turns=turns, metadata=metadata)

    def _replaced(self, text: str, numbers: dict[tuple[str, str], int]) -> str:
        every = sorted(
            (one for find in self._finders for one in find(text)), key=lambda one: (one.start - one.end, one.start)
        )
        taken: list[Found] = []  # by their place, none over another
        for one in every:
            at = bisect(taken, one.start, key=lambda other: other.start)
            free = at == 0 or taken[at - 1].end <= one.start
            if free and (at == len(taken) or one.end <= taken[at].start) and one.start < one.end:
                taken.insert(at, one)
        parts, last = [], 0
        for one in taken:
            key = one.kind, re.sub(r"[\s().-]", "", text[one.start : one.end]).casefold()
            number = numbers.setdefault(key, 1 + sum(kind == one.kind for kind, _ in numbers))
            self.counts[one.kind] += 1
            parts += [text[last : one.start], f"[{one.kind} {number}]"]
            last = one.end
        return "".join([*parts, text[last:]])


def redacted(
    conversations: Iterable[Conversation], change: Callable[[Conversation], Conversation]
) -> Iterator[Conversation]:
    """Conversations after a change: a Redactor, or any function from a conversation to a conversation."""
    return map(change, conversations)


def _inside(value: Mapping[str, Any], clean: Callable[[str], str]) -> dict[str, Any]:
    def walk(item: Any) -> Any:
        if isinstance(item, str):
            return clean(item)
        if isinstance(item, Mapping):
            return {clean(str(key)): walk(inner) for key, inner in item.items()}
        return [walk(inner) for inner in item] if isinstance(item, list | tuple) else item

    found: dict[str, Any] = walk(value)
    return found


def _is_iban(text: str) -> bool:
    """ISO 13616: the country and the check digits moved to the end, letters as numbers, modulo 97 is 1."""
    plain = text.replace(" ", "").upper()
    if not 15 <= len(plain) <= 34 or not plain.isascii():
        return False
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """ISO 7812: Luhn's sum ends with 0."""
    digits = [int(one) for one in text if one.isdecimal()]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return 13 <= len(digits) <= 19 and any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_address(text: str) -> bool:
    if ":" in text and text.count(":") < 2:
        return False
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_phone(text: str) -> bool:
    """Whether digits look like a number to call: with a + or a 0 in front, or as 555-123-4567; no date, no amount."""
    digits = [one for one in text if one.isdecimal()]
    if not 8 <= len(digits) <= 15 or _DATE.match(text):
        return False
    groups = [group for group in re.split(r"[^\d]+", text) if group]
    if text.startswith("+"):
        return True
    if digits[0] == "0" or text.startswith("("):
        return len(groups) > 1 or 10 <= len(digits) <= 12
    return len(groups) >= 3 and len(digits) >= 10 and len(groups[-1]) == 4
