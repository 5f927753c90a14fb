"""The texts and labels in a record, by their places: answers and branches, labels, and other long texts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from . import pair_fields
from .claimed_texts import ClaimedTexts
from .field_shapes import ID_NAMES, TEXT_NAMES, TIME_NAMES, is_text, name_words, words_of
from .structure import ITEM, Steps
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
_LABELS = words_of(
    "rating ratings score scores feedback label labels vote votes upvoted downvoted thumb thumbs stars csat nps "
    "satisfaction annotation annotations grade grades bewertung bewertungen valoración calificación  avaliação "
    "оценка 评分 评价 評価 평가"
)
"""Words for people's judgements of an answer or a conversation."""
_CAPTIONS = words_of("label labels annotation annotations")
_NO_LABELS = words_of(
    "id ids type time at date timestamp name count version url key index by max min total request "
    "loudness confidence sentiment probability audio relevance similarity distance"
)
"""Words that make a name below or beside such a word one of no judgement."""
_FLAGS = ("True", "False", "true", "false")
"""Cells of a table that are no texts; another is damaged JSON."""
_INNER_TEXTS = TEXT_NAMES | _ANSWERS | words_of("parts blocks turns messages conversation conversations data")
_BRANCHES = words_of("children siblings alternatives alternative branches")
"""Those of them whose lists of single words are ids."""
_SIDE_NAMES = words_of("metadata meta config settings options params parameters usage")
"""Words in the name of what belongs to the call, and not to the conversation."""
_STAMP_NAMES = TIME_NAMES | ID_NAMES
LONG = 20
"""Characters from which on a text counts wherever it stands."""
_WORD = re.compile(r"(?<!\S)[^\W\d_]{2,}")
_MIN_WORDS = 3
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]{8}")
"""Writing without blanks between words."""
_MAX_LABEL = 60
_LABEL_DEPTH = 4
"""Keys above a label; deeper ones are of a program's own guesses."""
_MAX_DEPTH = 40
_MAX_NAME = 60
_MAX_NAMES = 50
"""Keys of an object from which on their kinds are not remembered: they may be ids."""


@dataclass(slots=True)
class RecordTexts:
    """The texts of a record besides those of its turns, each with the keys that lead there.

    Attributes:
        answers: the texts that have the place of an answer or a branch; the keys end at the name of the answer.
        labels: the people's labels.
        prose: the other texts of 20 characters or more with several words.
    """

    answers: list[tuple[Steps, str]] = field(default_factory=list)
    labels: list[tuple[Steps, Any]] = field(default_factory=list)
    prose: list[tuple[Steps, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Names:
    """The keys of an object that are names of more than metadata.

    Attributes:
        answers: the names of answers, and of each whether single words are answers.
        sides: the names of what is no part of a conversation.
        labels: the names of labels.
        captions: those of them that are names of captions too, below a record (`label` of a button).
        no_labels: the names of what is no label below the name of labels.
        stamps: the names of times and ids.
    """

    answers: dict[str, bool]
    sides: frozenset[str]
    labels: frozenset[str]
    captions: frozenset[str]
    no_labels: frozenset[str]
    stamps: frozenset[str]


def texts_in(record: Any, claims: ClaimedTexts) -> RecordTexts:
    """Return the texts and labels in a record that are in none of its turns as they stand.

    Args:
        record: the record.
        claims: the texts that were taken; those of turns that stand in the record unchanged are not returned.
    """
    return _Walk(claims).texts(record)


class _Walk:
    """A walk through a record."""

    def __init__(self, claims: ClaimedTexts) -> None:
        self._claims = claims
        self._taken = claims.exact
        self._texts = RecordTexts()
        self._places: list[_Place] = []

    def texts(self, record: Any) -> RecordTexts:
        """Return the texts in a record."""
        self._places.append(_Place((), record))
        while self._places:
            place = self._places.pop()
            if isinstance(place.value, dict):
                self._visit_object(place, place.value)
            else:
                self._visit_list(place, place.value)
        texts = self._texts
        if texts.answers:
            answers = {text for _, text in texts.answers}
            texts.prose = [(keys, text) for keys, text in texts.prose if text not in answers]
        return texts

    def _visit_object(self, place: "_Place", value: dict[Any, Any]) -> None:
        names = tuple(value)
        kinds = _names(names) if len(names) < _MAX_NAMES else _names.__wrapped__(names)
        for name, inner in value.items():
            if isinstance(inner, str):
                if inner not in self._taken:
                    self._visit_text(place, name, inner, kinds)
                continue
            if isinstance(inner, dict | list):
                if inner:
                    self._visit_inner(place, name, inner, kinds)
            elif inner is not None and (name in kinds.labels or (place.is_label and name not in kinds.no_labels)):
                self._add_label(place.keys, name, inner)

    def _visit_text(self, place: "_Place", name: Any, text: str, kinds: "_Names") -> None:
        if name in kinds.labels and len(text) < _MAX_LABEL and text.strip() and not is_text(text):
            if not place.keys or name not in kinds.captions:
                self._add_label(place.keys, name, text)
            return
        is_answer = place.has_answers and name in kinds.answers
        if len(text) < LONG and not is_answer:
            return
        if isinstance(inner := decoded(text), dict | list):
            if not self._claims.is_beside(text):
                self._visit_inner(place, name, inner, kinds)
        elif is_answer:
            self._add_answers(place, name, text, kinds)
        elif name not in kinds.stamps and is_prose(text):
            self._texts.prose.append(((*place.keys, name), text))

    def _visit_inner(self, place: "_Place", name: Any, inner: Any, kinds: "_Names") -> None:
        keys = (*place.keys, name)
        if len(keys) > _MAX_DEPTH:
            return
        if place.has_answers and name in kinds.answers:
            self._add_answers(place, name, inner, kinds)
            self._places.append(_Place(keys, inner, has_answers=False))
            return
        has_answers = place.has_answers and name not in kinds.sides
        self._places.append(_Place(keys, inner, has_answers, name in kinds.labels))

    def _visit_list(self, place: "_Place", items: list[Any]) -> None:
        keys = (*place.keys, ITEM)
        if len(keys) > _MAX_DEPTH:
            return
        for item in items:
            if isinstance(item, dict | list):
                self._places.append(_Place(keys, item, place.has_answers, place.is_label))
            elif isinstance(item, str):
                if len(item) >= LONG and item not in self._taken and is_prose(item):
                    self._texts.prose.append((keys, item))
            elif place.is_label and item is not None:
                self._texts.labels.append((place.keys, item))

    def _add_answers(self, place: "_Place", name: Any, value: Any, kinds: "_Names") -> None:
        keys = (*place.keys, name)
        texts = _answers(value, may_be_short=kinds.answers[name])
        self._texts.answers += [(keys, text) for text in texts if text not in self._taken]

    def _add_label(self, keys: Steps, name: Any, label: Any) -> None:
        if len(keys) <= _LABEL_DEPTH:
            self._texts.labels.append(((*keys, name), label))


@dataclass(frozen=True, slots=True)
class _Place:
    """An object or a list in a record.

    Attributes:
        keys: the keys that lead there.
        value: the object or the list.
        has_answers: whether a name in it may be that of an answer.
        is_label: whether its name is that of labels.
    """

    keys: Steps
    value: Any
    has_answers: bool = True
    is_label: bool = False


@lru_cache(maxsize=1000)
def _names(names: tuple[Any, ...]) -> _Names:
    """Return the kinds of an object's keys."""
    words = {name: _key_words(name) for name in names if isinstance(name, str) and len(name) < _MAX_NAME}
    answers = {
        name: keys[-1] not in _BRANCHES
        for name, keys in words.items()
        if keys and keys[-1] in _ANSWERS and _OTHERS.isdisjoint(keys)
    }
    return _Names(
        answers,
        frozenset(name for name, keys in words.items() if not _SIDE_NAMES.isdisjoint(keys)),
        frozenset(name for name, keys in words.items() if not _LABELS.isdisjoint(keys) and _NO_LABELS.isdisjoint(keys)),
        frozenset(name for name, keys in words.items() if keys and keys[-1] in _CAPTIONS),
        frozenset(name for name, keys in words.items() if not _NO_LABELS.isdisjoint(keys)),
        frozenset(name for name, keys in words.items() if keys and keys[-1] in _STAMP_NAMES),
    )


def _key_words(name: str) -> list[str]:
    """Return the words in a key, without numbers and letters behind them (`response_a`, `answer 2`)."""
    words = [word.rstrip("0123456789") for word in name_words(name)]
    while words and len(words[-1]) < 2 and words[-1].isascii():
        words.pop()
    return words


def is_prose(text: str) -> bool:
    """Return whether a long text is somebody's words, and no id, path, number or code."""
    return len(_WORD.findall(text, 0, 500)) >= _MIN_WORDS or _IDEOGRAPHS.search(text) is not None


def _answers(value: Any, may_be_short: bool) -> Iterator[str]:
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
