"""Facts of a text that an edit should keep: numbers with units, codes, dates, times, names, addresses and negations.

Texts are read by patterns alone. Numbers, codes, dates in digits and addresses are read in any language; the words for
months, days and units, names and negations mainly in English, partly in German, French, Spanish and Chinese.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import regex

from convexplain.text.visible import one_line

from .common_words import is_common
from .fact_patterns import Fact, FactKind, counted_facts
from .negations import read_claims, word_set

__all__ = ["Fact", "FactKind", "capitalised_words", "fact_conflict", "facts", "invented_fact"]

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’-][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*")
_CAPITAL = regex.compile(r"\p{Lu}|\p{Ll}+\p{Lu}")
_ACRONYM = regex.compile(r"\p{Lu}[\p{Lu}\p{N}]+|\p{L}+\p{Lu}[\p{L}\p{N}]*")
_SENTENCE_START = regex.compile(r"(?:^|[.!?…:•>|–—\]]|(?<=\s)-|^\s*-|\d[.)])[\s*_\"'“”‘’„«(\[¡¿#]*$")
_TITLE_STOP = regex.compile(r"\b(?:Mrs?|Ms|Mx|Dr|Prof)\.\s*$")  # ends no sentence
_ADDRESSED = regex.compile(  # after a name that a sentence begins with: "Maria, your parcel"
    r",\s+(?:(?:you|your|yours|we|our|i|it|its|this|that|the|there|please|thanks?|can|could|would|will|do|did|have|is|are"
    r"|what|how|if|when|let|sorry|welcome|hello|hi|yes|no)\b|i['’])",
    regex.IGNORECASE,
)
_NO_NAMES = word_set("i i'm i'll i've i'd mr mrs ms mx dr prof ok okay ai faq faqs pdf url id pc tv asap fyi eta diy")
_GERMAN = word_set("der die das und ist nicht sie ihre ihr wir mit für auf ein eine den dem im zu haben wird")
_ENGLISH = word_set("the and is not you your we with for on a an in to have will of it that")
_SHOWN = 40  # characters of a fact in a sentence about it
_NOWHERE = "stands neither in the conversation nor in the original text"
_MISSING = "which the conversation mentions, is missing"


@lru_cache(maxsize=1024)
def facts(text: str) -> frozenset[Fact]:
    """Return the facts of a text. Numbers of list items and steps are none."""
    claims = read_claims(text)
    negations = (Fact("negation", stem, text=claims.words[stem]) for stem in claims.negated)
    return frozenset((*_counted(text), *_names(text), *negations))


def fact_conflict(context: Sequence[str], before: str, after: str) -> str:
    """Return the fact that an edit gets wrong, in a short sentence; empty where it keeps the facts.

    A fact that the text had in common with the context must still be there, or be replaced by a fact of its kind that
    the context mentions later. A new fact must stand in the context. A negation is not turned around, unless the
    context says so.

    Args:
        context: the texts before the edited one, oldest first.
        before: the text before the edit.
        after: the edited text.
    """
    mentions = [fact for text in context for fact in _counted(text)]
    old, new = Counter(_counted(before)), Counter(_counted(after))
    return (
        _invented(mentions, old, new)
        or _lost(mentions, old, new)
        or _doubled(old, new)
        or _name_conflict(context, before, after)
        or _negation_conflict(context, before, after)
    )


def capitalised_words(text: str) -> frozenset[str]:
    """Return the words with a capital that may be names, in small letters; those that begin a sentence too."""
    words = ((match[0], _plain_word(match[0])) for match in _WORD.finditer(text))
    return frozenset(
        plain
        for word, plain in words
        if _CAPITAL.match(word) and not (plain in _NO_NAMES or is_common(plain) or plain[:1].isdigit())
    )


def invented_fact(context: Sequence[str], before: str, after: str) -> str:
    """Return the fact that an edit makes up, in a short sentence; empty where it brings none.

    Facts that are gone and negations that are turned round do not count. Arguments as of `fact_conflict`.
    """
    mentions = [fact for text in context for fact in _counted(text)]
    old, new = Counter(_counted(before)), Counter(_counted(after))
    return _invented(mentions, old, new) or _doubled(old, new) or _brought_name(context, before, after)


@lru_cache(maxsize=1024)
def _counted(text: str) -> tuple[Fact, ...]:
    return tuple(counted_facts(text))


def _invented(mentions: Iterable[Fact], old: Iterable[Fact], new: Iterable[Fact]) -> str:
    licensed = {*mentions, *old}
    for fact in new:
        if not any(fact.agrees(mention) for mention in licensed):
            return f"{_quoted(fact)} {_NOWHERE}"
    return ""


def _lost(mentions: Sequence[Fact], old: Iterable[Fact], new: Iterable[Fact]) -> str:
    for fact in old:
        places = [i for i, mention in enumerate(mentions) if mention.agrees(fact)]
        if not places or any(fact.agrees(present) for present in new):
            continue
        later = mentions[places[-1] + 1 :]
        brought = [present for present in new if present.kind == fact.kind and present not in old]
        if not any(present.agrees(mention) for present in brought for mention in later):
            return f"{_quoted(fact)}, {_MISSING}"
    return ""


def _doubled(old: Counter[Fact], new: Counter[Fact]) -> str:
    """Return a sentence where a fact of the text takes the place of another one, as in `15% of 80 is 80`."""
    for fact in old:
        if any(fact.agrees(present) for present in new):
            continue
        for repeated, count in new.items():
            if repeated.kind == fact.kind and count > old[repeated] > 0:
                return f"{_quoted(repeated)} stands where {_quoted(fact)} stood"
    return ""


def _brought_name(context: Sequence[str], before: str, after: str) -> str:
    """Return a sentence where an edit brings a name that stands nowhere."""
    if _capitalises_nouns(before) or _capitalises_nouns(after):
        return ""
    licensed = frozenset[str]().union(_words(before), *map(_words, context))
    return next((f"{_quoted(name)} {_NOWHERE}" for name in _names(after) if name.value not in licensed), "")


def _name_conflict(context: Sequence[str], before: str, after: str) -> str:
    if _capitalises_nouns(before) or _capitalises_nouns(after):
        return ""
    context_words = frozenset[str]().union(*map(_words, context))
    old_words, new_words = _words(before), _words(after)
    brought = [name for name in _names(after) if name.value not in old_words]
    for name in brought:
        if name.value not in context_words:
            return f"{_quoted(name)} {_NOWHERE}"
    context_names = frozenset(name.value for text in context for name in _names(text))
    for group in _name_groups(before, context_names):
        missing = [name for name in group if name.value in context_words and name.value not in new_words]
        if missing and (brought or len(missing) == len(group)):
            return f"{_quoted(missing[0])}, {_MISSING}"
    return ""


def _negation_conflict(context: Sequence[str], before: str, after: str) -> str:
    old, new = read_claims(before), read_claims(after)
    context_claims = [read_claims(text) for text in context]
    negated = frozenset[str]().union(*(claims.negated for claims in context_claims))
    asserted = frozenset[str]().union(*(claims.asserted for claims in context_claims))
    for stem in sorted(new.negated.keys() - old.negated.keys() - negated):
        if old.plain[stem] > new.plain[stem]:
            return f"“{new.words[stem]}” is negated, and was not before"
    for stem in sorted(old.negated.keys() - new.negated.keys()):
        turned = new.plain[stem] > old.plain[stem]
        if turned and (stem in negated or stem not in asserted):
            return f"“{old.words[stem]}” is not negated any more"
        if not turned and stem in negated:
            return f"the negation of “{old.words[stem]}”, {_MISSING}"
    return ""


@lru_cache(maxsize=1024)
def _names(text: str) -> tuple[Fact, ...]:
    """Return the names of a text: capitalised words inside of sentences, acronyms and words like iPhone anywhere.

    A word that begins a sentence is one too where it stands alone before a comma, and is no common word.
    """
    return tuple(name for group in _name_groups(text) for name in group)


def _name_groups(text: str, context_names: frozenset[str] = frozenset()) -> list[list[Fact]]:
    """Return names that stand side by side together; at the start of a sentence only those that the context has."""
    groups: list[list[Fact]] = []
    if _capitalises_nouns(text):
        return groups
    dated = {word for fact in _counted(text) for word in fact.text.casefold().split()}
    for line in text.splitlines():
        matches = list(_WORD.finditer(line))
        if _is_title([match[0] for match in matches], line):
            continue
        last_end = -1
        for match in matches:
            name = _plain_word(match[0])
            if (
                not _CAPITAL.match(match[0])
                or name in _NO_NAMES
                or name in dated
                or name[:1].isdigit()
                or len(name) < 2
            ):
                continue
            if not (name in context_names or _ACRONYM.fullmatch(match[0]) or _shows_name(line, match, name)):
                continue
            if last_end < 0 or line[last_end : match.start()].strip():
                groups.append([])
            groups[-1].append(Fact("name", name, text=match[0]))
            last_end = match.end()
    return groups


def _shows_name(line: str, match: regex.Match[str], name: str) -> bool:
    """Return True where the place of a word with a capital says that it is a name."""
    if _TITLE_STOP.search(line, endpos=match.start()) or not _SENTENCE_START.search(line, endpos=match.start()):
        return True
    return not is_common(name) and _ADDRESSED.match(line, match.end()) is not None


def _is_title(words: list[str], line: str) -> bool:
    """Return True for a line in which capitals tell no name: a title, or shouting."""
    words = [word for word in words if len(word) > 1]
    shouted = sum(word.isupper() for word in words)
    capitals = sum(_CAPITAL.match(word) is not None for word in words)
    ends = line.rstrip(" *_").endswith((".", "!", "?", ",", ";"))
    return len(words) > 2 and (shouted > 0.5 * len(words) or (not ends and capitals > 0.6 * len(words)))


def _plain_word(word: str) -> str:
    return regex.sub(r"'s?$", "", word.casefold().replace("’", "'"))


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    return frozenset(_plain_word(match[0]) for match in _WORD.finditer(text))


def _capitalises_nouns(text: str) -> bool:
    """Return True where the text seems to be German, whose nouns all have capitals."""
    words = [match[0].casefold() for match in _WORD.finditer(text)]
    german = sum(word in _GERMAN for word in words)
    return german >= 2 and german > sum(word in _ENGLISH for word in words)


def _quoted(fact: Fact) -> str:
    text = one_line(fact.text)
    return f"“{text[:_SHOWN]}…”" if len(text) > _SHOWN else f"“{text}”"
