"""Plain numbers of a turn in its conversation: what can be counted without a model.

Heads read them beside a model's own features (`heads.py`). The word lists are English; of other languages the counts
of lengths, digits, questions and overlaps remain. What each number adds is decided by the heads' weights alone.
"""

import math
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml

from convexplain.types import Turn

VERSION = "plain-1"
"""The name of this set of numbers: a head names it, and reads no other."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n+")
LIST_LINE = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s", re.MULTILINE)
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-zà-ÿ]+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_UNKNOWN_IDF = 9.0  # of a word that the table does not hold


@cache
def _lists() -> dict[str, list[str]]:
    text = (files(__package__) / "phrases.yaml").read_text("utf-8")
    return {name: re.split(r"\s\|\s", phrases) for name, phrases in yaml.safe_load(text).items()}


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return the pattern of a list of phrases."""
    return re.compile(rf"(?<![\w'’])(?:{'|'.join(_lists()[name])})(?!\w)", re.IGNORECASE)


@cache
def _function_words() -> frozenset[str]:
    return frozenset(_lists()["function"])


def phrases(name: str, text: str) -> list[str]:
    """Return the phrases of a list, by its name in `phrases.yaml`, that are in a text, as they are written there."""
    return [match[0] for match in _pattern(name).finditer(text)]


def _count(name: str, text: str) -> int:
    return len(phrases(name, text))


START = 40  # characters that count as the start of a reply

KINDS_OF_VALUES: dict[str, re.Pattern[str]] = {
    "weekday": re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE),
    "month": re.compile(
        r"\b(?:january|february|march|april|june|july|august|september|october|november|december)\b", re.IGNORECASE
    ),
    "money": re.compile(r"[€$£]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:€|euros?|dollars?|pounds?|usd|eur|gbp)", re.IGNORECASE),
    "time": re.compile(r"\b\d{1,2}[:.]\d{2}\b|\b\d{1,2}\s?(?:am|pm)\b|\bnoon\b|\bmidnight\b", re.IGNORECASE),
    "code": re.compile(r"\b[A-Za-z]{0,3}-?\d{3,}\b"),
    "colour": re.compile(
        r"\b(?:black|white|red|blue|green|yellow|grey|gray|brown|pink|purple|orange|beige|navy)\b", re.IGNORECASE
    ),
    "size": re.compile(
        r"\b(?:\d{1,3}\s?(?:cm|mm|kg|gb|tb|mb|litres?|l|ml|mg|inch(?:es)?|metres?|m)|xs|xl|xxl)\b", re.IGNORECASE
    ),
    "name": re.compile(r"(?<=[a-z,;:] )[A-Z][a-zà-ÿ]{2,}"),
}


def turn_numbers(turns: Sequence[Turn]) -> tuple[float, ...]:
    """Return the plain numbers of the last of `turns`, in the order of `NAMES`.

    Each is finite and roughly between -1 and 10: a share, a flag, a small count, or a logarithm of one.

    Args:
        turns: the judged turn, and what comes before it.
    """
    return tuple(_numbers(turns).values())


def _numbers(turns: Sequence[Turn]) -> dict[str, float]:
    reply = turns[-1].content
    users = [turn.content for turn in turns[:-1] if turn.role != "assistant"]
    replies = [turn.content for turn in turns[:-1] if turn.role == "assistant"]
    user = users[-1] if turns[:-1] and users else ""
    return {
        **_length(reply),
        **_content(reply),
        **_form(reply, user),
        **_overlap(reply, user, users, replies),
        **_phrases(reply, user),
        **_values(reply, user, " \n ".join([*users, *replies])),
    }


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def content_words(text: str) -> list[str]:
    """Return the words of a text that are no function words, in small letters."""
    return [word for word in words_of(text) if word not in _function_words()]


def rarity(word: str) -> float:
    """Return how rare a word is in turns of conversations: from 0, in every turn, to 9, in none of a large number."""
    return _table().get(word, _UNKNOWN_IDF)


@cache
def _table() -> dict[str, float]:
    """Return how rare words are: the logarithm of (turns / turns with the word), from a table of tenths."""
    lines = (files(__package__) / "word_rarity.txt").read_text("utf-8").splitlines()
    return {word: int(tenths) / 10 for tenths, *words in map(str.split, lines) for word in words}


def _share(count: float, total: float) -> float:
    return count / total if total else 0.0


def _length(reply: str) -> dict[str, float]:
    words = words_of(reply)
    sentences = [part for part in _SENTENCE.split(reply) if part and part.strip()]
    content = [rarity(word) for word in set(content_words(reply))]
    return {
        "length_words": math.log1p(len(words)),
        "length_characters": math.log1p(len(reply)),
        "length_sentences": math.log1p(len(sentences)),
        "length_of_sentences": math.log1p(_share(len(words), len(sentences))),
        "length_idf_sum": math.log1p(math.fsum(content)),
        "length_idf_max": max(content, default=0.0) / 3,
        "length_content": math.log1p(len(content)),
        "length_lines": math.log1p(reply.count("\n")),
    }


def _content(reply: str) -> dict[str, float]:
    words, content = words_of(reply), content_words(reply)
    grams = list(zip(words, words[1:], words[2:], strict=False))
    idfs = sorted((rarity(word) for word in set(content)), reverse=True)
    return {
        "word_length": _share(sum(map(len, words)), len(words)) / 5,
        "content_share": _share(len(content), len(words)),
        "different_words": _share(len(set(words)), len(words)),
        "idf_mean": _share(math.fsum(idfs), len(idfs)) / 3,
        "idf_top": _share(math.fsum(idfs[:3]), len(idfs[:3])) / 3,
        "repeats_itself": 1 - _share(len(set(grams)), len(grams)) if grams else 0.0,
    }


def _form(reply: str, user: str) -> dict[str, float]:
    words = _WORD.findall(reply)
    letters = [character for character in reply if character.isalpha()]
    return {
        "digits": min(1.0, 4 * _share(len(_NUMBER.findall(reply)), len(words))),
        "has_digits": float(bool(_NUMBER.search(reply))),
        "names": min(1.0, 4 * _share(len(_NAME.findall(reply)), len(words))),
        "capitals": _share(sum(word.isupper() and len(word) > 2 for word in words), len(words)),
        "small_letters_only": float(bool(letters) and not any(letter.isupper() for letter in letters)),
        "list_lines": min(3, len(LIST_LINE.findall(reply))) / 3,
        "questions": min(3, reply.count("?")) / 3,
        "ends_with_question": float(reply.rstrip().endswith("?")),
        "exclamations": min(3, reply.count("!")) / 3,
        "colon": float(":" in reply),
        "user_asks": float("?" in user),
        "asks_back": float("?" in user and reply.rstrip().endswith("?")),
        "unfinished": float(bool(reply.strip()) and reply.rstrip()[-1].isalnum()),
    }


def _overlap(reply: str, user: str, users: Sequence[str], replies: Sequence[str]) -> dict[str, float]:
    own, theirs = set(content_words(reply)), set(content_words(user))
    before = set(content_words(" ".join([*users, *replies])))
    earlier_user = set(content_words(" ".join(users[:-1])))
    grams = grams_of(reply)
    return {
        "covers_user": _weight(own & theirs, theirs),
        "covered_by_user": _weight(own & theirs, own),
        "covered_by_earlier_user": _weight(own & earlier_user, own),
        "covered_by_context": _weight(own & before, own),
        "no_word_of_user": float(bool(theirs) and not own & theirs),
        "new_content": math.log1p(math.fsum(rarity(word) for word in own - before)) / 3,
        "new_share": _weight(own - before, own),
        "echoes_user": _share(len(grams & grams_of(user)), len(grams)),
        "repeats_last_reply": _share(len(grams & grams_of(replies[-1])), len(grams)) if replies else 0.0,
        "repeats_a_reply": max((_share(len(grams & grams_of(text)), len(grams)) for text in replies), default=0.0),
        "like_last_reply": _weight(own & set(content_words(replies[-1])), own) if replies else 0.0,
    }


def grams_of(text: str) -> set[tuple[str, ...]]:
    """Return the runs of three words in a text; all words of a shorter text as one."""
    words = words_of(text)
    return set(zip(words, words[1:], words[2:], strict=False)) or ({tuple(words)} if words else set())


def _weight(part: set[str], total: set[str]) -> float:
    """Return the share of the words of `total` that are in `part`, rare words weighing more."""
    return _share(math.fsum(map(rarity, part)), math.fsum(map(rarity, total)))


def _phrases(reply: str, user: str) -> dict[str, float]:
    words = max(1, len(words_of(reply)))
    start = reply.lstrip()[:START]
    risk = float(bool(_pattern("risk").search(user)))
    second, insult, contempt = _count("second", reply), _count("insult", reply), _count("contempt", reply)
    permission, safety, refusal = _count("permission", reply), _count("safety", reply), _count("refusal", reply)
    return {
        "refuses": float(refusal > 0),
        "refuses_at_once": float(bool(_pattern("refusal").search(start))),
        "complies_at_once": float(bool(_pattern("compliance").match(start))),
        "no_at_once": float(bool(re.match(r"no\b|not\b|please don|don['’]t|never", start, re.IGNORECASE))),
        "insult": min(2, insult) / 2,
        "insult_second": float(insult > 0 and second > 0),
        "contempt": min(3, contempt) / 3,
        "contempt_second": min(2, contempt) / 2 * float(second > 0),
        "second_person": min(1.0, 4 * second / words),
        "generic": min(1.0, 3 * _count("generic", reply) / words),
        "hedge": min(2, _count("hedge", reply)) / 2,
        "dodge": min(3, _count("dodge", reply)) / 3,
        "marketing": min(3, _count("marketing", reply)) / 3,
        "sorry": float(_count("sorry", reply) > 0),
        "warm": min(3, _count("warm", reply)) / 3,
        "negation": min(1.0, 5 * _count("negation", reply) / words),
        "permission": min(3, permission) / 3,
        "safety": min(3, safety) / 3,
        "private": min(2, _count("private", reply)) / 2,
        "user_risk": risk,
        "risk_permission": risk * min(3, permission) / 3,
        "risk_safety": risk * min(3, safety) / 3,
        "risk_complies": risk * float(bool(_pattern("compliance").match(start)) and not refusal),
        "risk_refuses": risk * float(refusal > 0),
        "user_sorrow": float(bool(_pattern("sorrow").search(user))),
    }


def _values(reply: str, user: str, context: str) -> dict[str, float]:
    """Return how the values in the reply (dates, prices, codes, names …) fit those that were named before."""
    numbers, before, of_user = map(set, map(numbers_in, (reply, context, user)))
    clashes: dict[str, float] = {}
    for name, pattern in KINDS_OF_VALUES.items():
        own, earlier = ({match.lower() for match in pattern.findall(text)} for text in (reply, context))
        clashes[f"clash_{name}"] = float(bool(own and earlier and not own & earlier))
        if name in ("code", "name", "weekday", "money"):
            clashes[f"same_{name}"] = float(bool(own & earlier))
    return {
        "numbers_from_context": _share(len(numbers & before), len(numbers)),
        "numbers_new": min(3, len(numbers - before)) / 3,
        "numbers_of_user": float(bool(numbers & of_user)),
        "near_miss": float(any(is_near(a, b) for a in numbers - before for b in before)),
        **clashes,
    }


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a text, as they are written there."""
    return [number.strip(".,:") for number in _NUMBER.findall(text)]


def is_near(first: str, second: str) -> bool:
    """Return whether two numbers of three digits or more differ in one or two digits only."""
    if len(first) != len(second) or len(first) < 3:
        return False
    return 0 < sum(a != b for a, b in zip(first, second, strict=True)) <= 2


NAMES: tuple[str, ...] = (
    *_length(""),
    *_content(""),
    *_form("", ""),
    *_overlap("", "", [], []),
    *_phrases("", ""),
    *_values("", "", ""),
)
"""The names of the numbers."""
