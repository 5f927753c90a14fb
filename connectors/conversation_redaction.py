"""The redaction of one conversation, and of texts about it: the same data has the same placeholder in all of them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from unicodedata import normalize

from convexplain.parts import Media, Part, ToolCall
from convexplain.types import Conversation, Turn

from .json_texts import map_texts
from .name_lists import names
from .personal_data import PersonalSpan

Finder = Callable[[str], Iterable[PersonalSpan]]
"""A function that finds personal data in a text, in any order."""

_COMPACT = frozenset(["phone", "card", "IBAN", "national number", "MAC address"])  # the same with other separators
_RECOGNISED = frozenset(["e-mail", "card", "IBAN", "IP address", "name"])  # anywhere, without words before them
_SHORTEST = 6  # characters of data that are replaced wherever they stand again
_PLACEHOLDER = re.compile(r"\[([a-zA-Z][a-zA-Z -]{0,40}) (\d{1,6})\]")


class ConversationRedaction:
    """The redaction of a conversation.

    What a word before it has shown to be personal data, as in "my phone is 612345678", is replaced wherever it stands.

    Args:
        conversation: the conversation as it is.
        finders: the finders of personal data.
        counts: counts what is replaced, by kind.

    Attributes:
        conversation: the conversation without personal data.
        repeated: the data that are replaced wherever they stand, with their kinds.
    """

    def __init__(self, conversation: Conversation, finders: Sequence[Finder], counts: Counter[str]) -> None:
        self._counts = counts
        self._finders = tuple(finders)
        self._repetitions: Finder | None = None
        self._spans_of_contents: dict[str, list[PersonalSpan]] = {}
        self._contents = [turn.content for turn in conversation.turns]
        self._numbers = _Numbers(self._contents)
        self.repeated: dict[str, str] = {}
        for text in self._contents:
            self._remember(text)
        if self.repeated:
            self._repetitions = repetitions(self.repeated)
        self.conversation = replace(
            conversation,
            id=self.clean(conversation.id),
            turns=tuple(map(self._clean_turn, conversation.turns)),
            metadata=map_texts(conversation.metadata, self.clean),
        )

    def clean(self, text: str) -> str:
        """Return a text of the conversation, or about it, with placeholders for personal data."""
        parts, last = [], 0
        for span in self._spans(text):
            self._counts[span.kind] += 1
            parts += [text[last : span.start], self._placeholder(text, span)]
            last = span.end
        return "".join([*parts, text[last:]])

    def moved(self, turn: int, start: int, end: int) -> tuple[int, int]:
        """Return where the text `[start:end]` of a turn is in its redacted content; a placeholder stays whole."""
        shift, new_start, new_end = 0, None, None
        text = self._contents[turn]
        for span in self._spans(text):
            length = len(self._placeholder(text, span))
            if new_start is None and start < span.end:
                new_start = (start if start < span.start else span.start) + shift
            if new_end is None and end <= span.end:
                new_end = end + shift if end <= span.start else span.start + shift + length
            shift += length - (span.end - span.start)
        return (start + shift if new_start is None else new_start), (end + shift if new_end is None else new_end)

    def _remember(self, text: str) -> None:
        spans = self._spans_of_contents[text] = [span for find in self._finders for span in find(text)]
        for span in _disjoint(spans):
            data = text[span.start : span.end].strip()
            if span.kind not in _RECOGNISED and len(data) >= _SHORTEST:
                self.repeated.setdefault(" ".join(data.split()), span.kind)

    def _spans(self, text: str) -> list[PersonalSpan]:
        spans = self._spans_of_contents.get(text)
        if spans is None:
            spans = [span for find in self._finders for span in find(text)]
        return _disjoint([*spans, *self._repetitions(text)] if self._repetitions else spans)

    def _placeholder(self, text: str, span: PersonalSpan) -> str:
        return f"[{span.kind} {self._numbers.of(span.kind, text[span.start : span.end])}]"

    def _clean_turn(self, turn: Turn) -> Turn:
        name = turn.name and self.clean(turn.name)
        metadata = map_texts(turn.metadata, self.clean)
        if not turn.parts:
            return Turn(turn.role, self.clean(turn.content), name, turn.at, metadata)
        parts = [_clean_part(part, self.clean) for part in turn.parts]
        return Turn.of_parts(turn.role, parts, name, turn.at, metadata)


class _Numbers:
    """The numbers of a conversation's personal data: the same data, however it is written, has the same number.

    Numbers of placeholders that are in the texts already are not used again.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()
        for text in texts:
            for kind, number in _PLACEHOLDER.findall(text):
                self._last[kind] = max(self._last[kind], int(number))

    def of(self, kind: str, text: str) -> int:
        plain = re.sub(r"[\W_]", "", text) if kind in _COMPACT else " ".join(text.split())
        key = kind, normalize("NFC", plain).casefold().replace("%40", "@")
        if key not in self._numbers:
            self._last[kind] += 1
            self._numbers[key] = self._last[kind]
        return self._numbers[key]


def repetitions(data: dict[str, str]) -> Finder:
    """Return a finder of these texts, as whole words, with their kinds."""
    kinds = {text.casefold(): kind for text, kind in data.items()}
    find_names = names(data)

    def find(text: str) -> Iterable[PersonalSpan]:
        for span in find_names(text):
            kind = kinds.get(" ".join(text[span.start : span.end].split()).casefold())
            if kind is not None:
                yield PersonalSpan(span.start, span.end, kind)

    return find


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


def _clean_part(part: Part, clean: Callable[[str], str]) -> Part:
    match part:
        case ToolCall(arguments=arguments):
            return replace(part, arguments=clean(arguments))
        case Media(name=name):
            return replace(part, name=clean(name))
        case _:
            return replace(part, text=clean(part.text))
