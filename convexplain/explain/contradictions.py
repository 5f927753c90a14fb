"""Values of a reply that contradict an earlier turn: another number, date or code for the same thing.

Texts are read by patterns alone (`fact_patterns.py`). A reply may have good reasons for another value: a new offer, a
sum, a moved appointment. So only forms count in which it hardly ever has one, and most contradictions pass unseen:

- an identifier of a kind that the conversation has one of: "card ending 9038";
- what the user has said of himself, with the same verb: "you paid 45", after "I paid 310";
- the day of a purchase: "the kettle dates from 19 January", after "I bought a kettle on 3 May";
- the total or the balance of a tool's result;
- what the user is said to have said: "you told me nine months".

English only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from convexplain.text.segmentation import segment
from convexplain.text.visible import one_line
from convexplain.types import Conversation, Role

from .common_words import is_common
from .fact_patterns import Fact, placed_facts
from .negations import word_set

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’-][\p{L}\p{N}]+)*")
_REPORTED = regex.compile(r"(?i)\byou (?:told|said|mentioned|named|stated|wrote)\b")
_STEM = 5  # letters that forms of one word share
_NEAR = 3  # words before a value among which its label is
_AFTER = 3  # words after a value that may say that it is another one
_REPORTED_NEAR = 6  # words from "you told" to what was told
_DIGITS = 3  # of an identifier at least, and of a number without a unit that the user is said to have said
_SHOWN = 40  # characters of a value that are quoted

_IDENTIFIED = word_set(
    "account booking card case claim contract customer ending flight invoice member membership order parcel policy "
    "reference serial ticket tracking"
)
_DONE = word_set("booked bought ordered paid purchased sent spent transferred withdrew")
_BOUGHT = word_set("bought dates ordered purchased")
_SUMS = word_set("balance total")
_CHANGES = word_set(
    "additional alternative also alternatively another available changed could different discount either extra free "
    "half if instead less may might more moved new next off or other plus raised rather reduced replacement "
    "rescheduled second should switched up updated upgrade would"
)
_FIRST = word_set("i i'm i've i'd we we've")
_SECOND = word_set("you you've you'd")


@dataclass(frozen=True, slots=True)
class Statement:
    """A value in a sentence.

    Attributes:
        fact: the value.
        text: the value as it is written.
        label: the content word right before it, in small letters; empty where there is none near.
        words: the words of the sentence up to three after the value, in small letters.
        stems: the beginnings of its content words.
        of_user: the label is a verb whose subject is "you".
        reported: the user is said to have said it.
    """

    fact: Fact
    text: str
    label: str
    words: frozenset[str]
    stems: frozenset[str]
    of_user: bool
    reported: bool


def contradiction(conversation: Conversation, turn: int) -> str:
    """Return the sentence for a value of a reply that contradicts an earlier turn; empty where none surely does.

    Args:
        conversation: the conversation.
        turn: the reply's index.
    """
    reply = _statements(conversation.turns[turn].content)
    if not reply:
        return ""
    earlier = [
        (i, before.role, statement)
        for i, before in enumerate(conversation.turns[:turn])
        for statement in _statements(before.content)
    ]
    for statement in reply:
        if statement.words & _CHANGES or any(_may_be_same(statement.fact, before.fact) for *_, before in earlier):
            continue
        if statement.reported and _was_asked_for_more(statement.fact):
            return f"Turn {turn} says that the user said “{_shortened(statement.text)}”; no earlier turn says that."
        rivals = [(i, before) for i, role, before in earlier if _is_rival(statement, before, role)]
        if rivals and not _is_open(rivals, reply):
            place, before = rivals[-1]
            values = f"it says “{_quote(statement)}” where turn {place} said “{_quote(before)}”"
            return f"Turn {turn} contradicts turn {place}: {values}."
    return ""


def _is_open(rivals: Sequence[tuple[int, Statement]], reply: Sequence[Statement]) -> bool:
    """Return whether there are several earlier values, or the reply names the earlier one too."""
    first = rivals[0][1].fact
    several = any(not first.agrees(before.fact) for _, before in rivals)
    return several or any(_may_be_same(first, statement.fact) for statement in reply)


def _may_be_same(first: Fact, second: Fact) -> bool:
    same_kind = first.kind == second.kind and first.value == second.value
    return same_kind or first.agrees(second)


def _is_rival(statement: Statement, before: Statement, role: Role) -> bool:
    """Return whether an earlier value is another one for the same thing."""
    fact, fact_before = statement.fact, before.fact
    if fact.kind != fact_before.kind or (fact.unit != fact_before.unit and role != "tool"):
        return False
    same_label = bool(statement.label) and statement.label == before.label
    if same_label and statement.label in _IDENTIFIED:
        return _identifies(fact) and _identifies(fact_before)
    if same_label and statement.label in _SUMS and role == "tool":
        return fact.kind == "number"
    if role != "user" or not before.words & _FIRST:
        return False
    if fact.kind == "date":
        days = "-" in fact.value and "-" in fact_before.value  # else a weekday or a month
        bought = bool(statement.words & _BOUGHT and before.words & _BOUGHT)
        return days and bought and bool((statement.stems & before.stems) - {word[:_STEM] for word in _BOUGHT})
    return same_label and statement.label in _DONE and statement.of_user


def _identifies(fact: Fact) -> bool:
    return fact.kind == "code" or (fact.kind == "number" and not fact.unit and len(fact.value) >= _DIGITS)


def _was_asked_for_more(fact: Fact) -> bool:
    """Return whether a value is one that can only be quoted, and not be counted from what somebody said."""
    return fact.kind in ("date", "code") or (fact.kind == "number" and (bool(fact.unit) or _identifies(fact)))


@lru_cache(maxsize=4096)
def _statements(text: str) -> tuple[Statement, ...]:
    return tuple(statement for unit in segment(text, "sentence") for statement in _of_sentence(unit.of(text)))


def _of_sentence(sentence: str) -> Iterator[Statement]:
    """Yield the values of a sentence; none of a question."""
    placed = [] if sentence.rstrip().endswith("?") else placed_facts(sentence)
    matches = list(_WORD.finditer(sentence)) if placed else []
    stems = frozenset(match[0].casefold()[:_STEM] for match in matches if _is_content(match[0]))
    for place in placed:
        same = [value.fact for value in placed if value.start == place.start]
        if place.fact is not same[0] or (len(same) > 1 and place.fact.kind != "date"):
            continue  # a range; the year of a date
        if place.fact.kind in ("address", "time") or place.fact.value in ("tomorrow", "yesterday"):
            continue
        before = [_plain(match[0]) for match in matches if match.end() <= place.start]
        after = [_plain(match[0]) for match in matches if match.start() >= place.end]
        label_place = next((i for i in reversed(range(len(before))[-_NEAR:]) if _is_content(before[i])), len(before))
        yield Statement(
            fact=place.fact,
            text=sentence[place.start : place.end].rstrip(" ."),
            label="".join(before[label_place : label_place + 1]),
            words=frozenset([*before, *after[:_AFTER]]),
            stems=stems,
            of_user=bool(_SECOND & set(before[max(0, label_place - 2) : label_place])),
            reported=_REPORTED.search(" ".join(before[-_REPORTED_NEAR:])) is not None,
        )


def _plain(word: str) -> str:
    return word.casefold().replace("’", "'")


def _is_content(word: str) -> bool:
    plain = _plain(word)
    return len(plain) > 2 and not is_common(plain) and not any(character.isdigit() for character in plain)


def _quote(statement: Statement) -> str:
    labelled = statement.label in _IDENTIFIED | _DONE | _SUMS
    return _shortened(f"{statement.label} {statement.text}" if labelled else statement.text)


def _shortened(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
