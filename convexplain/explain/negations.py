"""Negations of a text: which words stand under a negation, and which do not."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import regex


def word_set(words: str) -> frozenset[str]:
    """Return the words of a list that is separated by white space."""
    return frozenset(words.split())


_NEGATORS = word_set(
    "not no never without non unable cannot neither nor impossible "
    "nicht kein keine keinen keiner keinem nie niemals ohne pas jamais sans nunca sin"
)
_AUXILIARIES = word_set(
    "can could will would shall should must may might am is are was were be been being do does did has have had need "
    "needs kann können könnte könnten wird werden wurde ist sind war hat haben sein muss müssen darf dürfen soll "
    "peut peuvent est sont sera être puede pueden es son será ser"
)
_SKIPPED = _AUXILIARIES | word_set(
    "a an any the to of at by for from in on with it its this that these those i you he she we they me him her us them "
    "your our their my yet currently always ever already longer also just still even really be get got able so very "
    "anything something nothing everything anyone someone anybody somebody "
    "too more most all each one as if or and but there here now then please de la le les el los las un une una "
    "der die das den dem ein eine einen sie wir ich er es ihr mehr noch mit"
)
_BEFORE_VERB = word_set("possible able allowed permitted necessary")
_IDIOMS = regex.compile(
    r"\b(?:not (?:only|just|necessarily|to mention)|no (?:problem|worries|doubt|matter)|whether or not|why not|or not"
    r"|if not|do not hesitate|do not worry)\b|不好意思|不过|不仅|不同|没关系|没问题|不客气|对不起|不用谢"
)
_OPPOSITES = {
    "unavailable": "available",
    "invalid": "valid",
    "incorrect": "correct",
    "incomplete": "complete",
    "unsafe": "safe",
    "unlimited": "limited",
    "disabled": "enabled",
    "ineligible": "eligible",
    "unopened": "opened",
    "forbidden": "allowed",
    "prohibited": "allowed",
    "nonrefundable": "refundable",
}
_CONTRACTIONS = (
    (regex.compile(r"[’ʼ]"), "'"),
    (regex.compile(r"\bcan'?t\b|\bcannot\b"), "can not"),
    (regex.compile(r"\bwon't\b"), "will not"),
    (regex.compile(r"\b(do|does|did)nt\b"), r"\1 not"),
    (regex.compile(r"n't\b"), " not"),
    (regex.compile(r"\bnon-(?=\p{L})"), "non "),
)
_CLAUSE = regex.compile(r"[^.!?;:,()\n。！？；：，、]+[.!?;:,()\n。！？；：，、]*|[.!?;:,()\n]+")
_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}']+")
_SCOPE = 5  # words after a negation in which the negated one is looked for
_ENDINGS = regex.compile(r"(?:ies|ied|ing|ed|es|s|e|y)$")
_HAN_RUN = regex.compile(r"\p{Han}+")
_HAN_NEGATED = regex.compile(r"(?:不|没有?|沒有?|未|别|勿)(\p{Han}{2})")
_HAN_ABLE = regex.compile(r"可以|能够|能夠")


@dataclass(slots=True)
class Claims:
    """The words of a text by their negation.

    Attributes:
        negated: stem to how often it stands under a negation.
        plain: stem to how often it stands without one.
        asserted: stems that an auxiliary verb asserts ("you can return it"), questions aside.
        words: stem to the word as it stands there.
    """

    negated: Counter[str] = field(default_factory=Counter)
    plain: Counter[str] = field(default_factory=Counter)
    asserted: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=1024)
def read_claims(text: str) -> Claims:
    """Return the words of a text by their negation."""
    text = text.casefold()
    for pattern, form in _CONTRACTIONS:
        text = pattern.sub(form, text)
    text = _IDIOMS.sub(" ; ", text)
    claims = Claims()
    for clause in _CLAUSE.findall(text):
        _read_clause(_TOKEN.findall(clause), claims, question="?" in clause)
    _read_han(text, claims)
    return claims


def _read_clause(tokens: list[str], claims: Claims, *, question: bool) -> None:
    negated = dict(_negated_places(tokens))
    for i, token in enumerate(tokens):
        opposite = _OPPOSITES.get(token)
        if i not in negated and (token in _NEGATORS or token in _SKIPPED or len(token) < 2):
            continue
        stem = _stem(opposite or token)
        claims.words.setdefault(stem, opposite or token)
        if (i in negated) != (opposite is not None):
            claims.negated[stem] += 1
            continue
        claims.plain[stem] += 1
        if not question and any(word in _AUXILIARIES for word in tokens[max(0, i - 3) : i]):
            claims.asserted.add(stem)


def _negated_places(tokens: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the place of each negated word, with that of its negation."""
    for place, token in enumerate(tokens):
        if token not in _NEGATORS:
            continue
        for i in range(place + 1, min(len(tokens), place + 1 + _SCOPE)):
            verb_follows = tokens[i] in _BEFORE_VERB and tokens[i + 1 : i + 2] == ["to"]
            if tokens[i] not in _SKIPPED and tokens[i] not in _NEGATORS and not verb_follows:
                yield i, place
                break


def _read_han(text: str, claims: Claims) -> None:
    """Read Chinese, two characters at a time."""
    for run in _HAN_RUN.findall(_HAN_ABLE.sub("能", text.replace("无法", "不能").replace("無法", "不能"))):
        for match in _HAN_NEGATED.finditer(run):
            claims.negated[match[1]] += 1
            claims.words.setdefault(match[1], match[1])
        plain = _HAN_NEGATED.sub(" ", run)
        claims.plain.update(plain[i : i + 2] for i in range(len(plain) - 1))


def _stem(word: str) -> str:
    """Return the word without its ending: return, returns, returned and returning have one stem."""
    word = word.removesuffix("'s")
    stem = _ENDINGS.sub("", word) if len(word) > 4 else word.removesuffix("s") if len(word) > 3 else word
    if len(stem) < 3:
        return word
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls" else stem
