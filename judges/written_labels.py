"""Labels in the text of a judge's reply: where one stands, and that it is the only one.

A label counts only where the reply gives it as its answer: as the value of the key `label`, or at the beginning.
A label within a sentence ("I have no idea") is a word like any other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_OPENS = re.compile(r"(?:```\w*\n)?[\s\"'*`(]*")  # what may stand before a bare label
_ENDS = re.compile(r"\s*(?:$|[\"'”’*`.,;:!)\]}<—–\n-]|\(|(?:because|since)\b)")
_BETWEEN = re.compile(r"[^\w}]*(?:(?:and|or)\b[^\w}]*)?")  # what may stand between a label and a second one
_QUOTED = re.compile(r"[\"“”„«][^\"“”»]*(?:[\"”“»]|$)")
_BEGINNING = 200  # characters within which a refusal says that it is one
_REFUSAL = re.compile(
    r"""\b(?:i(?:'|’)?m|i\sam|we(?:'|’)re)\s(?:sorry|afraid|unable|not\sable|not\scomfortable|not\sallowed)\b
    | \bi\s(?:can\s?not|can(?:'|’)?t|won(?:'|’)?t|will\snot|must\sdecline|would\srather\snot)\b
    | \bi(?:'|’)d\srather\snot\b | \bas\san\sai\b | \bagainst\s(?:my|our)\s(?:guidelines|policy|policies|rules)\b
    | \b(?:es\stut\smir\sleid|ich\skann\s(?:dabei\s)?nicht|je\ssuis\sdésolée?|je\sne\speux\spas|lo\ssiento|no\spuedo)\b
    | 抱歉 | 对不起 | 對不起 | 无法 | 無法 | 申し訳 | できません""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """One place of a reply where a label has to stand.

    Attributes:
        start: offset of its first character.
        labels: the label there; two where a second one follows at once ("yes and no"); none where the words there are
            no label, or a label that a sentence goes on from.
    """

    start: int
    labels: tuple[str, ...]


def label_places(text: str, opening: str, labels: Sequence[str]) -> list[LabelPlace]:
    """Return the places of a reply where a label has to stand, in the order of the text.

    Values of the key in JSON come first: where there are some, nothing else counts.

    Args:
        text: the reply.
        opening: how the reply was asked to begin, up to the label; its last word is the key.
        labels: the valid labels.
    """
    keys = re.findall(r"\w+", opening)
    key = re.escape(keys[-1]) if keys else ""
    if key:
        json_key = rf"(?<!\\)[\"']\s*{key}\s*[\"']\s*:\s*[\"'*`]*"
        if places := [_place(text, match.end(), labels) for match in re.finditer(json_key, text, re.IGNORECASE)]:
            return places
    opened = _OPENS.match(text)
    bare = _place(text, opened.end() if opened else 0, labels)
    places = [bare] if bare.labels else []
    if key:
        sentence = rf"\b{key}[\s\"'*`]*(?::|=|\bis\b)[\s\"'*`]*|^\W*(?:final\s+)?answer[\s*`]*:[\s\"'*`]*"
        matches = re.finditer(sentence, text, re.IGNORECASE | re.MULTILINE)
        places += [_place(text, match.end(), labels) for match in matches]
    return [] if is_refusal(text) else places


def written_label(text: str, opening: str, labels: Sequence[str]) -> LabelPlace | None:
    """Return the place of the label that a reply gives; None where it gives none, or more than one."""
    return _written_label(text, opening, tuple(labels))


@lru_cache(maxsize=256)  # most replies are one of two texts, and each is read four times
def _written_label(text: str, opening: str, labels: tuple[str, ...]) -> LabelPlace | None:
    places = [place for place in label_places(text, opening, labels) if place.labels]
    if len({name for place in places for name in place.labels}) != 1:
        return None
    return places[0]


def is_refusal(text: str) -> bool:
    """Return whether a text begins by saying that its writer cannot or will not answer; quoted words do not count."""
    return _REFUSAL.search(_QUOTED.sub("…", text)[:_BEGINNING]) is not None


def begins_with(text: str, label: str) -> bool:
    """Return whether the text is the complete label, followed by a character that ends the word.

    Args:
        text: folded to one case, without white space before it.
        label: folded to one case.
    """
    return (
        text.startswith(label)
        and len(text) > len(label)
        and not (text[len(label)].isalnum() or text[len(label)] in "_-")
    )


def _place(text: str, start: int, labels: Sequence[str]) -> LabelPlace:
    words = text[start:].lstrip().casefold()
    label = _first_label(words, labels)
    if label is None:
        return LabelPlace(start, ())
    after = words[len(label.casefold()) :]
    between = _BETWEEN.match(after)
    following = after[between.end() :] if between else ""
    second = _first_label(following, labels)
    if second not in (None, label) and _ENDS.match(following[len(str(second).casefold()) :]):
        return LabelPlace(start, (label, str(second)))
    return LabelPlace(start, (label,) if _ENDS.match(after) else ())


def _first_label(words: str, labels: Sequence[str]) -> str | None:
    """Return the longest label that the words begin with, as a word of its own."""
    written = [label for label in labels if words == label.casefold() or begins_with(words, label.casefold())]
    return max(written, key=len) if written else None
