"""Faults that an edit brings into a text, found by rules: repetition, words of the instruction, markup, other language.

A fault counts only where the text did not have it before. No model is asked.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import regex

from convexplain.fidelity.edits import words
from convexplain.text.segmentation import segment
from convexplain.types import Rubric

from .text_language import language_of, scripts_of

_COPY = 4  # words from which a sentence counts as a copy
_PARROT = 7  # words in a row that make a quotation of the user, or fewer where it is all that the user said
_RUBRIC = 6  # words in a row that make a quotation of the rubric
_WORD = regex.compile(r"\w")
_EDGES = regex.compile(r"^\W+|\W+$")
_END = regex.compile(r"[\p{Sentence_Terminal}…:;][\p{P}\p{S}\s\uFE0F]*$|[\p{Extended_Pictographic}]\uFE0F?\s*$")
_FREE_LINE = regex.compile(r"\s*(?:[-*•+]\s|\d{1,3}[.)]\s|#{1,6}\s|\||```|~~~|>)|.*\|\s*$")
_SMALL_START = regex.compile(r"[^\w`]*\p{Ll}[\p{Ll}'’]*(?!\w)")
_CAPITAL_START = regex.compile(r"[^\w`]*\p{Lu}")
_MARKUP = regex.compile(
    r"(?i)</?(?:a|b|br|body|button|code|div|em|form|h[1-6]|head|hr|html|i|iframe|img|input|li|link|meta|ol|p|pre|script|span|"
    r"strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]*)?/?>|<!--|<!doctype|&(?:nbsp|amp|lt|gt|quot|#\d+);"
)
_TOKEN = regex.compile(
    r"<\|[^<>|\s]{1,40}\|?>|\[/?INST\]|<</?SYS>>|</?s>|<(?:mask|pad|unk|bos|eos|extra_id_\d+|start_of_turn|end_of_turn)>|"
    r"\[(?:MASK|UNK|PAD|CLS|SEP)\]|\ufffd"
)
_CONTROL = regex.compile(r"[\p{Cc}\p{Co}\p{Cn}\p{Cs}--\t\n\r]|[\u202a-\u202e\u2066-\u2069\u200b\ufeff]", regex.V1)
_INSTRUCTION = regex.compile(
    r"(?i)\bthe (?:assistant(?:['’]s)? )?response\b|\b(?:the|this) (?:rubric|requirement|criterion|maxim)\b"
    r"|\bas (?:requested|instructed|asked)[,:]? here\b|\bhere(?:['’]s| is| are)(?: the| an?| my| your)? (?:\w+ )?"
    r"(?:rewrit\w+|revis\w+|edit(?:ed)?|improved|corrected|rephrased|alternative|updated) (?:\w+ )?"
    r"(?:sentence|version|text|turn|message|reply|response|answer|passage)s?\b"
    r"|\b(?:rewritten|revised|rephrased|edited) (?:sentence|version|text|turn|message|reply|answer|passage)\b"
    r"|[\"'](?:rewrites?|label|reason|score|text|rewritten|answer|content|role)[\"']\s*:"
)
_EMOTICON = regex.compile(r"(?<!\w)[:;=8xX]['’]?-?[()\[\]](?!\w)|[\p{Lu}\d]['’]?\d{1,2}\"|\d\s?[\"”](?!\w)")
_LIST_MARK = regex.compile(r"(?m)^\s*[\p{L}\d]{1,3}\)\s")
_FENCED = regex.compile(r"(?s)```.*?(?:```|$)")
_PAIRS = ("()", "[]", "{}", "“”", "«»", "「」", "『』", "（）", "【】", "《》")
_MARKS = ("```", "**", "`", '"')


@dataclass(frozen=True, slots=True)
class EditedText:
    """A text before and after an edit, and what it stands in.

    Attributes:
        before, after: the turn's content.
        role_turns: the assistant's earlier turns.
        user_turns: the user's earlier turns.
        rubric: the maxim that the edit is for.
    """

    before: str
    after: str
    role_turns: tuple[str, ...]
    user_turns: tuple[str, ...]
    rubric: Rubric


def text_fault(text: EditedText) -> str:
    """Return the first fault that the edit brings, as a short sentence; '' where there is none."""
    return next((fault for rule in _RULES if (fault := rule(text))), "")


def _emptiness(text: EditedText) -> str:
    if not text.after.strip():
        return "Nothing is left of the text."
    return "" if _WORD.search(text.after) else "Nothing but punctuation is left of the text."


def _markup(text: EditedText) -> str:
    for pattern, fault in (
        (_CONTROL, "It has control characters that the original has not."),
        (_TOKEN, "It has special tokens of a model that the original has not."),
        (_MARKUP, "It has HTML that the original has not."),
    ):
        if _new(pattern.findall(text.after), pattern.findall(text.before)):
            return fault
    return ""


def _instruction(text: EditedText) -> str:
    before = " ".join((text.before, *text.role_turns, *text.user_turns)).casefold()
    if any(match[0].casefold() not in before for match in _INSTRUCTION.finditer(text.after)):
        return "It speaks of the instruction and not to the user."
    rubric = text.rubric
    wording = (rubric.requirement, *(label.criterion for label in rubric.labels), *rubric.notes)
    if any(_quotes(text, passage, _RUBRIC) for passage in wording):
        return "It repeats the wording of the rubric."
    return ""


def _language(text: EditedText) -> str:
    around = " ".join((text.before, *text.role_turns, *text.user_turns))
    usual, scripts = scripts_of(around), scripts_of(text.after)
    # A name in Latin letters may stand in any text.
    least = {"Latin": sum(scripts.values()) / 2}
    if usual and any(count > least.get(name, 1) for name, count in scripts.items() if name not in usual):
        return "It has another script than the conversation."
    old, new = language_of(text.before), language_of(text.after)
    if old and new and old != new and new not in {language_of(turn) for turn in (*text.role_turns, *text.user_turns)}:
        return "It has another language than the original."
    return ""


def _repetition(text: EditedText) -> str:
    before, after = _sentences(text.before), _sentences(text.after)
    repeated = [sentence for sentence, count in after.items() if count > max(1, before[sentence])]
    earlier = {sentence for turn in text.role_turns for sentence in _sentences(turn)}
    if repeated or any(sentence in earlier for sentence in after - before):
        return "It repeats a sentence that stands there already."
    if _loops(_keys(text.after)) > max(1, _loops(_keys(text.before))):
        return "It repeats the same words again and again."
    if any(_quotes(text, turn, _PARROT) for turn in text.user_turns):
        return "It repeats the user's words, which the original does not."
    return ""


def _balance(text: EditedText) -> str:
    before, after = _plain(text.before), _plain(text.after)
    for opener, closer in (tuple(pair) for pair in _PAIRS):
        if before.count(opener) == before.count(closer) and after.count(opener) != after.count(closer):
            return f"Its brackets or quotation marks {opener}{closer} do not match."
    for mark in _MARKS:
        source_before, source_after = (text.before, text.after) if mark == "```" else (before, after)
        if not source_before.count(mark) % 2 and source_after.count(mark) % 2:
            return f"A {mark} is left open."
    return ""


def _ending(text: EditedText) -> str:
    before, after = text.before.rstrip(), text.after.rstrip()
    small = _SMALL_START.match(after) and not _FREE_LINE.match(after)
    if small and _CAPITAL_START.match(before):
        return "It begins in the middle of a sentence."
    # Who writes without capitals needs no full stops.
    relaxed = small and _SMALL_START.match(before)
    if not relaxed and _END.search(before) and not _END.search(after) and not _FREE_LINE.match(after.splitlines()[-1]):
        return "It ends without an end of its sentence."
    return ""


_RULES: tuple[Callable[[EditedText], str], ...] = (
    _emptiness,
    _markup,
    _instruction,
    _language,
    _repetition,
    _balance,
    _ending,
)


def _new(after: Iterable[str], before: Iterable[str]) -> bool:
    return bool(Counter(map(str.casefold, after)) - Counter(map(str.casefold, before)))


def _keys(text: str) -> list[str]:
    """Return the words without case and without the punctuation around them."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [key for word in words(folded) if (key := _EDGES.sub("", word))]


def _sentences(text: str) -> Counter[tuple[str, ...]]:
    """Return how often each longer sentence stands in the text; code and tables do not count."""
    prose = _FENCED.sub("", text)
    sentences = (tuple(_keys(unit.of(prose))) for unit in segment(prose, "sentence") if "|" not in unit.of(prose))
    return Counter(sentence for sentence in sentences if len(sentence) >= _COPY)


def _loops(keys: Sequence[str]) -> int:
    """Return how often words stand in a row at most: the same one to three words at least three times, else 1."""
    most = 1
    for size in range(1, 13):
        run = 0
        for i in range(size, len(keys)):
            run = run + 1 if keys[i] == keys[i - size] else 0
            turns = run // size + 1
            # "no, no", "very, very" and numbers are no loop; three times the same is.
            if turns > (2 if size < _COPY else 1):
                most = max(most, turns)
    return most


def _quotes(text: EditedText, source: str, least: int) -> bool:
    """Return True where the edited text has that many words of the source in a row, and the original has not."""
    quoted = _keys(source)
    length = min(least, max(len(quoted), _COPY))
    added = _runs(_keys(text.after), length) - _runs(_keys(text.before), length)
    return not added.isdisjoint(_runs(quoted, length))


def _runs(keys: Sequence[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(keys[i : i + length]) for i in range(len(keys) - length + 1)}


def _plain(text: str) -> str:
    """Return the text without code, smileys, inches and the marks of lists."""
    for pattern in (_FENCED, _EMOTICON, _LIST_MARK):
        text = pattern.sub(" ", text)
    return text
