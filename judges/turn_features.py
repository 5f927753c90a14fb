"""Features of a turn in words: what the plain numbers of a turn count, said so that it is true of the turn."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from convexplain.explain.text_language import language_of
from convexplain.types import Turn

from .turn_numbers import (
    KINDS_OF_VALUES,
    LIST_LINE,
    NAMES,
    START,
    content_words,
    grams_of,
    is_near,
    numbers_in,
    phrases,
    rarity,
    turn_numbers,
    words_of,
)

_MOST = 3  # words that are quoted for one feature
_QUOTE = 60  # characters of a quote
_SIMILAR = 0.3  # share of a reply's runs of three words from which on it repeats, or echoes
_SHORT = 6  # words of a very short reply
_END = 4  # words of a reply's end that are quoted
_STEM = 4  # letters that forms of one word share
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class TurnReading:
    """A judged turn, with what comes before it and its plain numbers.

    Attributes:
        turns: the judged turn is the last one.
        numbers: the plain numbers, by their names.
        first: the index of the first of these turns in the conversation.
    """

    turns: Sequence[Turn]
    numbers: Mapping[str, float]
    first: int = 0

    @property
    def reply(self) -> str:
        """The text of the judged turn."""
        return self.turns[-1].content

    @property
    def message(self) -> str:
        """The text of the last earlier turn that is not an assistant's; empty where there is none."""
        return next((turn.content for turn in reversed(self.turns[:-1]) if turn.role != "assistant"), "")

    def earlier(self) -> Iterator[tuple[int, Turn]]:
        """Yield the earlier turns with their indices in the conversation, the latest first."""
        for i in range(len(self.turns) - 2, -1, -1):
            yield self.first + i, self.turns[i]


@dataclass(frozen=True, slots=True)
class TurnFeature:
    """A feature of turns that people understand.

    Attributes:
        numbers: the plain numbers that measure it.
        words: returns what the turn does, as a clause with the words that were counted; empty where it does not.
    """

    numbers: tuple[str, ...]
    words: Callable[[TurnReading], str]


def _has_no_word_spaces(text: str) -> bool:
    """Return whether a text has letters without case: most scripts that write no spaces between words are such."""
    return any(character.isalpha() and character.lower() == character.upper() for character in text)


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(f'"{_cut(text)}"' for text in list(dict.fromkeys(texts))[:_MOST])


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTE else f"{line[: _QUOTE - 1]}…"


def _phrases(name: str, clause: str) -> Callable[[TurnReading], str]:
    """Return the words of a feature that counts phrases of a list in the reply."""

    def words(turn: TurnReading) -> str:
        matches = phrases(name, turn.reply)
        return f"{clause}: {_quoted(matches)}" if matches else ""

    return words


def _telling(words: Sequence[str]) -> list[str]:
    """Return the words that tell what a message is about: without numbers and short forms, where others are left."""
    telling = [word for word in words if word.isalpha()]
    return telling or list(words)


def _takes_up_nothing(turn: TurnReading) -> str:
    if not turn.numbers["no_word_of_user"]:
        return ""
    key_words = sorted(content_words(turn.message), key=rarity, reverse=True)
    key_words = [word for word in key_words if content_words(word.partition("'")[0])]  # "what's" is none
    stems = {word[:_STEM] for word in words_of(turn.reply)}
    if not key_words or _has_no_word_spaces(turn.message) or any(word[:_STEM] in stems for word in key_words):
        return ""
    return f"uses no key word of the message before it: {_quoted(_telling(key_words))}"


def _asks_back(turn: TurnReading) -> str:
    return "ends with a question of its own, after a question" if turn.numbers["asks_back"] else ""


def _agrees_at_once(turn: TurnReading) -> str:
    start = turn.reply.lstrip()[:START]
    agreement = [phrase for phrase in phrases("compliance", start) if start.startswith(phrase)]
    if not agreement:
        return ""
    risks = phrases("risk", turn.message)
    return f"begins with {_quoted(agreement)}" + (f", after words of risk: {_quoted(risks)}" if risks else "")


def _permits(turn: TurnReading) -> str:
    permissions, risks = phrases("permission", turn.reply), phrases("risk", turn.message)
    if not permissions or not risks:
        return ""
    return f"words that can permit or play down: {_quoted(permissions)}, after words of risk: {_quoted(risks)}"


def _repeats(turn: TurnReading) -> str:
    grams = grams_of(turn.reply)
    shares = [
        (len(grams & grams_of(earlier.content)) / len(grams), -i, earlier.content)
        for i, earlier in turn.earlier()
        if earlier.role == "assistant" and grams
    ]
    share, place, text = max(shares, default=(0.0, 0, ""))
    return f"repeats its turn {-place}: {_quoted([_shared_run(turn.reply, text)])}" if share >= _SIMILAR else ""


def _echoes(turn: TurnReading) -> str:
    grams = grams_of(turn.reply)
    if not grams or len(grams & grams_of(turn.message)) / len(grams) < _SIMILAR:
        return ""
    role = next(earlier.role for _, earlier in turn.earlier() if earlier.role != "assistant")
    source = "the user's own words" if role == "user" else f"the words of the {role} message before it"
    return f"says {source} back: {_quoted([_shared_run(turn.reply, turn.message)])}"


def _shared_run(reply: str, earlier: str) -> str:
    """Return the longest run of words of a reply that an earlier text has too, as the reply has it."""
    words, text = reply.split(), f" {' '.join(words_of(earlier))} "
    best = (0, 0)
    for start in range(len(words)):
        end = start + best[1] - best[0] + 1
        while end <= len(words) and f" {' '.join(words_of(' '.join(words[start:end])))} " in text:
            best = (start, end)
            end += 1
    return " ".join(words[slice(*best)])


def _repeats_itself(turn: TurnReading) -> str:
    words = words_of(turn.reply)
    runs = list(zip(words, words[1:], words[2:], strict=False))
    repeated = [" ".join(run) for run in dict.fromkeys(runs) if runs.count(run) > 1]
    return f"repeats itself: {_quoted(repeated)}" if repeated else ""


def _clash(kind: str) -> Callable[[TurnReading], str]:
    """Return the words of a value of a kind, where earlier turns have other values of that kind only.

    Two names need not contradict each other: "Farid" may be a person, and "Perth" a place. In German all nouns look
    like names.
    """

    def words(turn: TurnReading) -> str:
        if kind == "name" and language_of(turn.reply) == "German":
            return ""
        earlier = [(i, value) for i, before in turn.earlier() for value in _values_of(kind, before.content)]
        same = {_canonical(kind, value) for _, value in earlier}
        if not turn.numbers[f"clash_{kind}"]:
            return ""
        for value in _values_of(kind, turn.reply):
            if _canonical(kind, value) in same or any(value in before.content for _, before in turn.earlier()):
                continue
            if kind == "name":
                return f'names "{_cut(value)}", which no turn before it names'
            for place, earlier_value in earlier:
                if kind != "size" or _unit(value) == _unit(earlier_value):
                    return f'says "{_cut(value)}", while turn {place} said "{_cut(earlier_value)}"'
        return ""

    return words


def _canonical(kind: str, value: str) -> str:
    """Return a value in the one form that all ways to write it share; times are taken modulo twelve hours."""
    if kind == "time":
        hours, _, minutes = re.sub(r"[^\d:.]", "", value).replace(".", ":").partition(":")
        return f"{int(hours or 0) % 12}:{minutes or '00'}"  # noon and midnight have no digits
    unit = _unit(value) if kind == "size" else ""
    number = numbers_in(value)[:1] if kind in ("money", "size") else []
    return f"{_plain_number(number[0])}{unit}" if number else value.casefold()


def _unit(value: str) -> str:
    return re.sub(r"[\d\s.,]", "", value).casefold()


def _plain_number(number: str) -> str:
    """Return a number without separators of thousands and final zeros of its fraction; 10:30 is 10.30."""
    digits = re.sub(r"[.,](?=\d{3}(?!\d))", "", number).replace(":", ".").replace(",", ".")
    integer, _, fraction = digits.partition(".")
    integer = integer.lstrip("0") or "0"
    return f"{integer}.{fraction}".rstrip("0").rstrip(".") if fraction else integer


def _earlier_numbers(turn: TurnReading) -> list[tuple[int, str]]:
    return [(i, number) for i, before in turn.earlier() for number in numbers_in(before.content)]


def _values_of(kind: str, text: str) -> list[str]:
    """Return the values of a kind in a text; days and months are counted as names too, and are none."""
    values = [match[0].lstrip("-").rstrip(".,") for match in KINDS_OF_VALUES[kind].finditer(text)]
    calendar = [KINDS_OF_VALUES[name] for name in ("weekday", "month")] if kind == "name" else []
    return [value for value in values if not any(pattern.fullmatch(value) for pattern in calendar)]


def _near_miss(turn: TurnReading) -> str:
    earlier = _earlier_numbers(turn)
    earlier_values = {_plain_number(number) for _, number in earlier}
    for number in numbers_in(turn.reply):
        for place, other_number in earlier:
            if _plain_number(number) not in earlier_values and is_near(number, other_number):
                return f"says {number}, while turn {place} said {other_number}"
    return ""


def _new_numbers(turn: TurnReading) -> str:
    earlier_values = {_plain_number(number) for _, number in _earlier_numbers(turn)}
    words = {word for _, before in turn.earlier() for word in words_of(before.content)}
    earlier_values |= {str(i) for i, word in enumerate(_NUMBER_WORDS) if word in words}
    text = LIST_LINE.sub("", turn.reply)
    new = [number for number in numbers_in(text) if _plain_number(number) not in earlier_values]
    return f"gives numbers that no earlier turn has: {_quoted(new)}" if new else ""


def _short(turn: TurnReading) -> str:
    number = len(words_of(turn.reply))
    if not 0 < number <= _SHORT or _has_no_word_spaces(turn.reply):
        return ""
    return f"is very short: {number} words" if number > 1 else "is very short: 1 word"


def _unfinished(turn: TurnReading) -> str:
    words = turn.reply.split()
    end = ("… " if len(words) > _END else "") + _cut(" ".join(words[-_END:]))
    return f'ends without punctuation: "{end}"' if turn.numbers["unfinished"] else ""


def _exclaims(turn: TurnReading) -> str:
    number = turn.reply.count("!")
    return f"exclaims: {number} exclamation marks" if number > 1 else "exclaims: 1 exclamation mark" if number else ""


def _shouts(turn: TurnReading) -> str:
    capitals = [word for word in re.findall(r"[^\W\d_]{3,}", turn.reply) if word.isupper()]
    return f"words in capital letters: {_quoted(capitals)}" if capitals else ""


FEATURES: tuple[TurnFeature, ...] = (
    TurnFeature(("insult", "insult_second"), _phrases("insult", "words that can insult")),
    TurnFeature(("contempt", "contempt_second"), _phrases("contempt", "words that can sound contemptuous")),
    TurnFeature(("private",), _phrases("private", "words about private data")),
    TurnFeature(("risk_complies", "complies_at_once"), _agrees_at_once),
    TurnFeature(("permission", "risk_permission"), _permits),
    TurnFeature(("refuses", "refuses_at_once", "risk_refuses"), _phrases("refusal", "words of refusal")),
    TurnFeature(("hedge",), _phrases("hedge", "words that hedge")),
    TurnFeature(("dodge",), _phrases("dodge", "phrases that are often evasive")),
    TurnFeature(("generic",), _phrases("generic", "general words")),
    TurnFeature(("marketing",), _phrases("marketing", "words of advertising")),
    TurnFeature(("warm",), _phrases("warm", "words of courtesy")),
    TurnFeature(
        ("no_word_of_user", "covers_user"),
        _takes_up_nothing,
    ),
    TurnFeature(("repeats_last_reply", "repeats_a_reply", "like_last_reply"), _repeats),
    TurnFeature(("echoes_user", "covered_by_user"), _echoes),
    TurnFeature(("repeats_itself",), _repeats_itself),
    TurnFeature(("asks_back", "ends_with_question"), _asks_back),
    TurnFeature(("near_miss",), _near_miss),
    TurnFeature(("numbers_new",), _new_numbers),
    *(TurnFeature((f"clash_{kind}",), _clash(kind)) for kind in KINDS_OF_VALUES),
    TurnFeature(
        (
            "length_words",
            "length_characters",
            "length_sentences",
            "length_of_sentences",
            "length_idf_sum",
            "length_content",
            "new_content",
        ),
        _short,
    ),
    TurnFeature(("unfinished",), _unfinished),
    TurnFeature(("exclamations",), _exclaims),
    TurnFeature(("capitals",), _shouts),
)
"""The features that have a name; in languages other than English few of them are ever there."""


def turn_clauses(turns: Sequence[Turn], first: int = 0) -> tuple[str, ...]:
    """Return the clauses that are true of the last of `turns`, whatever a judge makes of them.

    Args:
        turns: the judged turn, and what comes before it.
        first: the index of the first of these turns in the conversation.
    """
    turn = TurnReading(turns, dict(zip(NAMES, turn_numbers(turns), strict=True)), first)
    return tuple(words for feature in FEATURES if (words := feature.words(turn)))
