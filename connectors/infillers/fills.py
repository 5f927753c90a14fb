"""Fills: a raw candidate gets the form of the old words, or is refused. Pure functions that every infiller uses."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import eq

import regex

from convexplain.fidelity.edits import words
from convexplain.judges.fence import defuse
from convexplain.models.infilling import Masked
from convexplain.text.segmentation import segment

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_CLOSING = ".,;:!?…。，、；：！？؟،\"'”’»*_`"
_OPENING = "\"'“‘«¿¡*_`"
_AROUND = regex.compile(r"^[\p{P}\p{Default_Ignorable_Code_Point}]+|[\p{P}\p{Default_Ignorable_Code_Point}]+$")
_MARKS = {"*": "*", "_": "_", "`": "`", '"': '"', "“": "”", "«": "»"}  # what opens, and what closes it
_LONG = 12  # words of which at least half are different, as a rule
_LETTERED = regex.compile(r"(?=\w*\p{L})\w[\w'’]*+")
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{C}]")
_WORD = regex.compile(r"\w")
_SPECIAL = regex.compile(r"<extra_id_\d+>|\[(?:MASK|UNK|PAD|CLS|SEP)\]")  # beyond what the fence knows
_SENTENCE_END = regex.compile(r"(?:^|[.!?…:。！？]['\"”’)\]*_]*\s+|[。！？]|\n\s*)['\"“‘(\[*_]*$")
_FIRST_PERSON = regex.compile(r"I(?:['’]\w+)?")


def choose(raw: Iterable[str], masked: Masked, k: int) -> list[str]:
    """Return the first k usable fills of raw candidates, best first, no two of them alike."""
    return list(islice(usable_fills(raw, masked), k))


def usable_fills(raw: Iterable[str], masked: Masked) -> Iterable[str]:
    """Yield the candidates that fit the hole, in their order and in the old words' form, each once."""
    seen: set[str] = set()
    for candidate in raw:
        fill = fill_of(candidate, masked)
        if fill is not None and key(fill) not in seen:
            seen.add(key(fill))
            yield fill


def fill_of(raw: str, masked: Masked) -> str | None:
    """Return a candidate as one line with the old words' case and punctuation; None if it is refused."""
    line = next(iter(raw.strip().splitlines()), "")
    fill = with_form(" ".join(line.split()), masked)
    return None if _hostile(line) or _hostile(fill) or _refused(fill, masked) else fill


def neutralize(text: str) -> str:
    """Return the text around a hole without anything that passes for a special token."""
    return _SPECIAL.sub(" ", defuse(text))


def key(text: str) -> str:
    """Return a key that is equal for fills that are alike.

    Case, white space and the punctuation around do not count, unless the text is nothing but punctuation.
    """
    text = unicodedata.normalize("NFKC", "".join(text.casefold().split()))
    return _AROUND.sub("", text) or text


def max_words(old: str) -> int:
    """Return the largest number of words that a fill may have."""
    return max(3, 2 * len(words(old)))


def first_words(text: str, n: int) -> str:
    """Return the first n words of a text, as `words` counts them."""
    text_words = words(text)
    if text_words == text.split():
        return " ".join(text_words[:n])
    return "".join(unit.of(text) for unit in segment(text, "word")[:n]).strip()


def with_form(text: str, masked: Masked) -> str:
    """Return the text with the case, the opening and the closing punctuation of the old words."""
    opening, old, closing = parts(masked.old)
    core = parts(text)[1]
    if not old or not core:  # punctuation has no form to keep
        return text
    return opening + _cased(core, old, starts_sentence(masked.context[-40:] + masked.before[-40:])) + closing


def parts(text: str) -> tuple[str, str, str]:
    """Return opening punctuation, the words, and closing punctuation.

    A bracket, quotation mark or emphasis whose partner is among the words is theirs; a pair around all of them is not.
    """
    start, end = 0, len(text)
    while start < end:
        core = text[start:end]
        if _closes(core):
            end -= 1
        elif core[0] in _OPENING or _opens(core):
            start += 1
        elif len(core) > 1 and _PAIRS.get(core[0]) == core[-1] and core.count(core[0]) == core.count(core[-1]) == 1:
            start, end = start + 1, end - 1
        else:
            break
    opening, core, closing = text[:start], text[start:end], text[end:]
    for mark, partner in _MARKS.items():
        if mark in opening and partner in core and partner not in closing:
            start = min(start, opening.index(mark))
        if partner in closing and mark in core and mark not in opening:
            end = max(end, len(text) - len(closing) + closing.rindex(partner) + 1)
    return text[:start], text[start:end], text[end:]


def starts_sentence(before: str) -> bool:
    """Return whether a sentence begins after this text."""
    return _SENTENCE_END.search(before[-40:] if before.strip() else "") is not None


def _closes(text: str) -> bool:
    last = text[-1]
    return last in _CLOSING or (last in _OPENERS and text.count(last) > text.count(_OPENERS[last]))


def _opens(text: str) -> bool:
    return text[0] in _PAIRS and text.count(text[0]) > text.count(_PAIRS[text[0]])


def _cased(text: str, old: str, begins: bool) -> str:
    letters = [letter for letter in old if letter.upper() != letter.lower()]
    at = next((i for i, letter in enumerate(text) if letter.isalpha()), None)
    if not letters or at is None:
        return text
    first, tail = text[at], text[at + 1 :]
    if len(letters) > 1 and all(letter.isupper() for letter in letters):
        return text.upper()
    if letters[0].isupper():
        pronoun = _FIRST_PERSON.fullmatch(old.split()[0]) is not None  # a capital of its own, not the sentence's
        return text if pronoun and not begins else text[:at] + first.upper() + tail
    word = text[at:].split()[0]
    always_capital = not word[1:].islower() or _FIRST_PERSON.fullmatch(word) is not None  # NASA, I'm
    return text[:at] + first.lower() + tail if begins and not always_capital else text


def _hostile(text: str) -> bool:
    """Return whether the text has control tokens, control characters or pieces of characters."""
    return "\ufffd" in text or neutralize(text) != text


def _refused(fill: str, masked: Masked) -> bool:
    if not fill or fill != fill.strip() or not _INVISIBLE.sub("", fill):
        return True
    if len(words(fill)) > max_words(masked.old) or len(fill) > 40 + 3 * len(masked.old):
        return True
    if _WORD.search(masked.old) and not _WORD.search(fill):
        return True
    if _loops(fill):
        return True
    return key(fill) in {key(masked.old), *map(key, masked.avoid)}


def _loops(fill: str) -> bool:
    """Return whether a fill repeats itself, as long texts of small models do.

    A word four times in a row, two words three times, five or more twice; or, in a long one, hardly any new words.
    """
    keys = [key(part) for word in words(fill) for part in _LETTERED.findall(word)]
    if len(keys) >= _LONG and 2 * len(set(keys)) < len(keys):
        return True
    return any(_longest_repeat(keys, n) >= min(max(2 * n, 3), max(n, 5)) for n in range(1, len(keys) // 2 + 1))


def _longest_repeat(keys: Sequence[str], n: int) -> int:
    """Return the largest number of words in a row of which each is the same as the one n words before it."""
    return max((len(list(run)) for same, run in groupby(map(eq, keys, keys[n:])) if same), default=0)
