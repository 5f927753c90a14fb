"""The script and the language of a text, by its letters and its commonest words."""

from collections import Counter

import regex

_SCRIPTS = {
    name: regex.compile(rf"\p{{{name}}}")
    for name in ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Thai", "Hangul", "Han", "Kana")
    if name != "Kana"
} | {"Kana": regex.compile(r"[\p{Hiragana}\p{Katakana}]")}
_LATIN = regex.compile(r"[\p{Latin}'’]+")
_LEAST = 3  # common words that decide for a language

# The commonest words that no other language of the list has among its own.
_COMMON = {
    "English": "the and is are you your it that this with for have not of to we can will be i my they what but",
    "German": "der und ist sind sie ihr das nicht mit ein eine für auf wir kann auch ich zu den dem von wird haben",
    "French": "le les est sont vous votre et ne pas avec une nous pour dans je du des sur ce cette avez être",
    "Spanish": "el los es son usted su y no con una nosotros por para que del se lo está tiene las puede",
    "Italian": "il gli è sono lei suo e non con una noi per di che del si può della ha nel questo",
    "Portuguese": "o os é são você seu e não com uma nós para que do da em está tem pode isso ao",
    "Dutch": "de het is zijn u uw en niet met een wij kan ook ik voor van dat op wordt hebben je",
}
_WORDS_OF = {language: frozenset(common.split()) for language, common in _COMMON.items()}


def scripts_of(text: str) -> Counter[str]:
    """Return the number of letters of each script."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    return Counter({name: count for name, count in counts.items() if count})


def language_of(text: str) -> str:
    """Return the language of a text in Latin letters; '' where its common words do not decide.

    It is decided where three common words of one language stand there, and more than twice as many as of any other.
    """
    counts = Counter(_LATIN.findall(text.casefold()))
    totals = {language: sum(counts[word] for word in common) for language, common in _WORDS_OF.items()}
    first, second = sorted(totals, key=lambda language: -totals[language])[:2]
    return first if totals[first] >= _LEAST and totals[first] > 2 * totals[second] else ""
