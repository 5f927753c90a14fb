"""Segmentation of text into the units that are perturbed: turns, sentences, phrases, words.

A level is a set of cuts, offsets at which a unit begins. Three facts make it safe to take units out and put
them back, and none of them depends on how well the rules below guess:

- the units between neighbouring cuts tile the text: joining them gives it back, whatever characters it holds;
- the cuts of a level are among the cuts of every finer one;
- a cut stands neither before white space (which belongs to the unit before it) nor inside a grapheme cluster.

Sentences come from syntok, which reads a *view* of the text: of the same length, with what it would trip over
written differently. Only offsets are taken from it, and only those that stand after a stop and white space.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeAlias

import regex
from syntok import segmenter
from syntok.tokenizer import Tokenizer

from convexplain.errors import UsageError
from convexplain.types import LEVELS, Level, Unit

Phrases: TypeAlias = Callable[[str], Iterable[int]]

# White space as `str.isspace` has it, which is a little more than `\s`.
_WHITE = r"[\s\x1c-\x1f]"
_CLOSERS = r")\]}\"'”’»›）」』】》〉〕］｝"
_CJK_OPENERS = "（「『【《〈〔［｛"
_CJK_CLOSERS = "）」』】》〉〕］｝"
# Scripts that put no space between words; U+30FC, the long vowel, has no script of its own.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"

_SPACE = regex.compile(rf"{_WHITE}++")
_WORD_CHARACTER = regex.compile(r"\w")

# What stands whole: the lines of fenced code, headings, table rows.
_FENCE = regex.compile(rf"{_WHITE}*+(`{{3,}}+(?=[^`]*$)|~{{3,}}+)")
_WHOLE_LINE = regex.compile(rf"{_WHITE}*+(?:#{{1,6}}{_WHITE}|\|)")
_LETTERED_ITEM = regex.compile(r"\p{L}{1,4}[.)]\s")
LIST_NUMBER = regex.compile(rf"{_WHITE}*+[*_(\[]*+\d{{1,3}}+[.)\]]++{_WHITE}*+")

# Full stops of other scripts end a sentence wherever they stand; the full-width point may be a decimal point.
# After a quotation, a comma or the Japanese particle for "said" goes on with the sentence.
_FOREIGN_STOP = regex.compile(
    rf"(?V1)(?:[\p{{Sentence_Terminal}}--[.!?．]]|．(?!\d))[\p{{Sentence_Terminal}}\uFE0F{_CLOSERS}]*+{_WHITE}*+"
    r"(?![，、；：,;:]|(?<=[」』])(?:と|って))"
)
_STOP = regex.compile(rf"(?<=[.!?][{_CLOSERS}]{{0,8}}){_WHITE}++(?=\S)")

# What is written differently for syntok; every rewriting keeps the length.
_EMPHASIS = regex.compile(rf"(?<=[.!?])[*_~`{_CLOSERS}]++(?=\s|$)")
_ADDRESS = regex.compile(r"(?<!\S)(?:[^\s@]{1,64}+@[\w.-]*\w|[(<\[\"']?(?:https?://|www\.)[^\s<>]*[\w/])")
_INNER_STOP = regex.compile(r"(?:(?<=\w\w)|(?<=\d))[.!?](?=\w\w|\d)")
_TITLE = regex.compile(
    r"(?i)\b((?:Dr|Mr|Mrs|Ms|Mx|Prof|St|Jr|Rev|Hon|Gov|Lt|Sgt|Gen|Dept|approx|incl|vs|e\.g|i\.e|cf))\.(?=\s)"
)
_NOT_SHORT = regex.compile(r"\b(?:art|alt|gal|lit|mag|max|Max|med|sat|sun|may|dom|ap)(?=\.\s+\p{Lu})")
_SMALL_START = regex.compile(r"(?<=\w[!?]{1,9}\s{1,9})\p{Ll}")
_SMALL_START_AFTER_POINT = regex.compile(r"(?<=\p{L}{2}\.{1,9}\s{1,9})\p{Ll}")
_NUMBER_START = regex.compile(r"(?<=(?:\p{Ll}{4}\.|\w[!?])\s{1,9})\d")
_SAME_TO_SYNTOK = str.maketrans({";": ",", "…": "."})

# Where a phrase ends: the first three need one word on either side, the others two.
_COMMA = regex.compile(rf"(?<=[,;:]|\S[,;:][{_CLOSERS}]{{1,4}}){_WHITE}++(?=\S)")
_FOREIGN_COMMA = regex.compile(rf"(?:(?<!\d)[，、；：،؛]|[，、；：،؛](?!\d))[，、；：{_CLOSERS}]*+{_WHITE}*+")
_DASH = regex.compile(rf"(?:[—―]++|(?<=\s)(?<!\d\s)–(?=\s))[,;:.!?{_CLOSERS}]*+{_WHITE}*+")
_OPENING = regex.compile(r"(?<=\s)[(\[{](?=[^\s()\[\]{}]++\s++[^\s()\[\]{}])")
_CJK_OPENING = regex.compile(rf"(?<![{_CJK_OPENERS}])[{_CJK_OPENERS}]")
_BRACKETED = regex.compile(rf"(?<!\S)[(\[{{][^()\[\]{{}}]{{1,300}}+[)\]}}][.!?\"'”’]*+{_WHITE}++")
_CJK_CLOSING = regex.compile(rf"[{_CJK_CLOSERS}][{_CLOSERS}，、；：。！？．]*+{_WHITE}*+")
_CONJUNCTION = regex.compile(
    r"""(?ix)(?<=\s)(?:
    and|but|or|nor|because|although|(?:even\s)?though|whereas|(?:even\s|as\s)?if|unless|(?:in\sorder\s|so\s)that
    |(?<!\b(?:about|at|by|do|for|from|in|is|like|of|on|than|to|with)\s)(?:that|which|who|whom|whose)
    |so(?=\s(?:I|we|you|he|she|it|they|the|this|there|please)\b)|as\s(?:soon|long)\sas
    |when|whenever|where|wherever|while|until|till|after|before|since|once|whether|rather\sthan|except
    )(?=\s)"""
)
# What an apostrophe, a point or a hyphen joins is one word; of unspaced scripts each character counts.
_WORD_START = regex.compile(rf"{_UNSPACED}|(?<!\w)(?<!\w['’._@/-])\w")

# Without a dictionary, Thai and Lao come out as syllables: dependent vowels are kept with their consonants.
_UNSPACED_WORD = regex.compile(
    rf"(?w)\b(?<![\p{{Ps}}\p{{Pi}}เแโใไເແໂໃໄ])(?![ะาำๅๆฯະາຳໆ])(?:(?={_UNSPACED})|(?<={_UNSPACED}\p{{M}}*)(?=[\w\p{{Ps}}\p{{Pi}}]))"
)
_NOT_ASCII = regex.compile(r"(?:[\x00-\x7f]?[^\x00-\x7f]++)++[\x00-\x7f]?")
_CLUSTER = regex.compile(r"\X")
_FLAG = regex.compile(r"\p{Regional_Indicator}{2}|\p{Regional_Indicator}")


def segment(text: str, level: Level, turn: int = 0, phrases: Phrases | None = None) -> list[Unit]:
    """Return the units of one text, in order.

    They are contiguous and non-empty, the first starts at 0, the last ends with the text; an empty text has
    none. Boundaries of a coarser level are among those of every finer one. White space belongs to the unit
    before it, at the beginning of the text to the first unit.

    Args:
        text: any string, also one with lone surrogates or control characters.
        level: `turn` (the whole text), `sentence`, `phrase` or `word`.
        turn: the index that the units carry.
        phrases: says where phrases begin, from a parser for example, instead of the rules here. Of its offsets those
            count at which a word begins.

    Raises:
        UsageError: the level is none of the four.
    """
    if level not in LEVELS:
        raise UsageError(f"level is {level!r}; it must be one of {', '.join(LEVELS)}")
    if not text:
        return []
    lead = len(text) - len(text.lstrip())
    # To tell which two flags pair up, regex looks back over their whole row for each: other pairs are cheap.
    plain: str = _FLAG.sub(lambda flag: "★\u0301"[: len(flag[0])], text)
    inside = _inside_clusters(plain)
    offsets = _cuts(plain, level)
    if phrases is not None and level == "phrase":
        offsets = _cuts(plain, "sentence") | (_word_cuts(plain) & set(phrases(text)))
    cuts = sorted(cut for cut in offsets if lead < cut < len(text) and cut not in inside)
    return [Unit(turn, start, end, level) for start, end in pairwise([0, *cuts, len(text)])]


def core(text: str, unit: Unit) -> tuple[int, int]:
    """Return the unit's span without the white space around it, which an infiller replaces.

    Both are the unit's start when it is nothing but white space.
    """
    content = unit.of(text)
    start = unit.start + len(content) - len(content.lstrip())
    end = unit.start + len(content.rstrip())
    return min(start, end), end


def _cuts(text: str, level: Level) -> set[int]:
    if level == "turn":
        return set()
    # Every cut of the coarser levels is also a cut of this one by its own rules: words need no syntok.
    if level == "word":
        return _word_cuts(text)
    sentences = _sentence_cuts(text)
    return sentences if level == "sentence" else sentences | _phrase_cuts(text, sorted(sentences))


def _inside_clusters(text: str) -> set[int]:
    """Offsets inside grapheme clusters; CR LF is left to the rule that no cut stands before white space."""
    inside: set[int] = set()
    if text.isascii():
        return inside
    for stretch in _NOT_ASCII.finditer(text):
        for cluster in _CLUSTER.finditer(text, *stretch.span()):
            inside.update(range(cluster.start() + 1, cluster.end()))
    return inside


# --- sentences


def _sentence_cuts(text: str) -> set[int]:
    cuts: set[int] = set()
    for start, end, uncut in _stretches(text):
        cuts.add(start)
        if not uncut:
            cuts.update(start + cut for cut in _prose_cuts(text[start:end]))
    return cuts


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """Spans no sentence crosses (lines, joined where prose is hard-wrapped); True for each that is not divided."""
    fence, offset = "", 0
    open_start, open_end, previous = 0, 0, ""  # the stretch of prose that may still grow, and its last line
    for line in text.splitlines(keepends=True):
        start, offset = offset + len(line) - len(line.lstrip()), offset + len(line)
        in_code, fence = _fenced(line, fence)
        uncut = in_code or bool(_WHOLE_LINE.match(line))
        if not uncut and _wraps(previous, line):
            open_end, previous = offset, line
            continue
        if previous.strip():
            yield open_start, open_end, False
        previous = "" if uncut else line
        open_start, open_end = start, offset
        if uncut and not line.isspace():
            yield start, offset, True
    if previous.strip():
        yield open_start, open_end, False


def _fenced(line: str, fence: str) -> tuple[bool, str]:
    """True where a line belongs to a fenced code block; and the fence that is open after it."""
    mark = _FENCE.match(line)
    if not fence:
        return mark is not None, mark[1] if mark else ""
    closes = mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()
    return True, "" if closes else fence


def _wraps(previous: str, line: str) -> bool:
    """True where a sentence seems to go on in the next line: a full line of prose, then a small letter."""
    before, after = previous.strip(), line.lstrip()
    return (
        50 <= len(before) <= 100
        and (before[-1].isalnum() or before[-1] == ",")
        and after[:1].islower()
        and not _LETTERED_ITEM.match(after)
    )


def _prose_cuts(prose: str) -> list[int]:
    cuts = {stop.end() for stop in _FOREIGN_STOP.finditer(prose) if stop.end() < len(prose)}
    view = _view(prose)
    stops = {stop.end() for stop in _STOP.finditer(view)}
    if stops:
        cuts |= _confirmed(view, stops)
    return _without_fragments(prose, sorted(cuts))


def _view(prose: str) -> str:
    """The text as syntok should read it: of the same length, so that its offsets hold for both."""
    # It ends sentences at semicolons, knows no "…", and ends none after a token with a point in it.
    view: str = prose.translate(_SAME_TO_SYNTOK)
    for pattern in (_ADDRESS, _INNER_STOP, _NOT_SHORT):
        view = pattern.sub(lambda match: "x" * len(match[0]), view)
    view = _TITLE.sub(lambda match: f"{match[1].replace('.', 'x')}x", view)
    view = _EMPHASIS.sub(lambda match: ")" * len(match[0]), view)
    # It never begins a sentence with a small letter, nor with a number of three digits.
    starts = [_SMALL_START, _NUMBER_START]
    if not any(character.isupper() for character in prose):
        starts.append(_SMALL_START_AFTER_POINT)
    for pattern in starts:
        view = pattern.sub("X", view)
    # Brackets that do not close make it look ahead again and again.
    if view.count("(") + view.count("[") + view.count("{") > 20 + len(view) // 40:
        view = regex.sub(r"[(\[{]", ",", view)
    return view


def _confirmed(view: str, stops: set[int]) -> set[int]:
    """The stops at which syntok begins a sentence; those before no small letter, should it fail."""
    tokens = Tokenizer(replace_not_contraction=False).tokenize(view)
    try:
        return stops & {sentence[0].offset for sentence in segmenter.segment(tokens)}
    except (LookupError, AssertionError, AttributeError, RuntimeError, TypeError, ValueError):
        return {stop for stop in stops if not view[stop].islower()}


def _without_fragments(prose: str, cuts: list[int]) -> list[int]:
    """Drops cuts that leave a sentence without a word ("😀", ":)") or with only the number of a list item."""
    bounds = [0, *cuts, len(prose)]
    worded = [bool(_WORD_CHARACTER.search(prose, start, end)) for start, end in pairwise(bounds)]
    bounded: list[int] = []
    begun = False
    for index, cut in enumerate(cuts):
        begun = begun or worded[index]
        if begun and worded[index + 1] and not LIST_NUMBER.fullmatch(prose, bounds[index], cut):
            bounded.append(cut)
            begun = False
    return bounded


# --- phrases and words


def _phrase_cuts(text: str, sentences: list[int]) -> set[int]:
    """Cuts inside sentences, left to right; each must leave enough words before it and after it."""
    sure = _ends(text, _COMMA, _FOREIGN_COMMA, _DASH)
    possible = _starts(text, _OPENING, _CJK_OPENING, _CONJUNCTION) | _ends(text, _BRACKETED, _CJK_CLOSING)
    words = sorted(_starts(text, _WORD_START))
    ends = [*sentences, len(text)]
    sure_ends = sorted({*ends, *sure})
    cuts: set[int] = set()
    last = 0
    for cut in sorted(sure | possible):
        needed, limits = (1, ends) if cut in sure else (2, sure_ends)
        begun = bisect_right(ends, cut)
        last = max(last, ends[begun - 1] if begun else 0)
        limit = limits[min(bisect_right(limits, cut), len(limits) - 1)]
        at = bisect_left(words, cut)
        if at - bisect_left(words, last) >= needed and bisect_left(words, limit) - at >= needed:
            cuts.add(cut)
            last = cut
    return cuts


def _word_cuts(text: str) -> set[int]:
    """Ends of white space, and inside chunks wherever a coarser level or an unspaced script may cut."""
    after = _ends(text, _SPACE, _FOREIGN_STOP, _FOREIGN_COMMA, _DASH, _CJK_CLOSING)
    return after | _starts(text, _CJK_OPENING, _UNSPACED_WORD)


def _starts(text: str, *patterns: regex.Pattern[str]) -> set[int]:
    return {match.start() for pattern in patterns for match in pattern.finditer(text)}


def _ends(text: str, *patterns: regex.Pattern[str]) -> set[int]:
    return {match.end() for pattern in patterns for match in pattern.finditer(text)}
