"""Replies of a model that was asked for rewrites: how they are read, and which rewrites are refused. Pure functions."""

import json
from collections.abc import Iterator
from typing import Any

import regex

from convexplain.judges.fence import defuse
from convexplain.models.editing import Passage

from .rewrite_prompt import copies_prompt, example_rewrites, refused_rewrites

_JSON = regex.compile(r"\{.*\}|\[.*\]", regex.DOTALL)
_KEY = regex.compile(r'"rewrites?"\s*:\s*\[?')
_STRING = regex.compile(r'\s*,?\s*("(?:[^"\\]|\\.)*")')
_NUMBERED = regex.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+(.+)$", regex.MULTILINE)
_LABEL = regex.compile(r"(?i)^(?:assistant|rewrites?|rewritten|answer|draft|new (?:draft|words|text|passage))\s*:\s*")
_QUOTES = {'"': '"', "“": "”", "«": "»", "「": "」"}

_TAG = regex.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>")
_PROMPT = regex.compile(
    r'(?i)\[+draft\]*|"rewrites?"|"problem"|"strength"|"instead"|^(?:aim|draft|problem|requirement)\s*:|</?conversation'
    r"|\b(?:the|this|my|your) (?:response|draft|passage|rewrite|rewriting|aim|requirement|criteri(?:on|a)|user)\b"
)
_INTRODUCTION = regex.compile(
    r"(?i)(?:(?:sure|certainly|of course|okay|ok|absolutely|great)\b[!,.:]?\s*)?(?:here(?:['’]s| is| are)|below is)\b"
    r"[^.?!]{0,60}(?:\brewrit|\bversion|\brevis|\bedit|\balternativ|\bre-?phras|\bresponse\b|\breply\b|:\s*$|:\s)"
    r"|(?:sure|certainly|of course|absolutely)(?:\s*[!.:]|,\s*(?:here|i (?:can|will|have) (?:rewr|re-?phras|edit)))"
)
_REFUSAL = regex.compile(
    r"(?i)\b(?:can(?:['’]t|not)|unable to|not able to|won['’]t) (?:assist|help|fulfil+|comply|provide|do|answer)"
    r"(?: you)?(?: with)? (?:that|this|your request|the request|it)\b|\bas an ai\b"
    r"|\bi (?:cannot|can['’]t) (?:assist|fulfil+|comply)"
)
_WORD = regex.compile(r"\w+")
_UNFINISHED = ",;:，；：、-–—"  # what a sentence does not end with
_RUN = 6  # words in a row that count as taken from the rubric or the user
_LONGER, _MORE = 1.6, 60  # times; characters more, for passages of a few words


def read_rewrites(reply: str) -> Iterator[str]:
    """Yield the rewrites of a reply: from JSON, also cut or broken JSON, else from a list.

    A reply that repeats the instruction has none.
    """
    if copies_prompt(reply):
        return
    for match in _JSON.finditer(reply):
        try:
            answer = json.loads(match[0], strict=False)
        except (ValueError, RecursionError):
            continue
        yield from _texts(answer)
        return
    if (key := _KEY.search(reply)) is not None:
        at = key.end()
        while (string := _STRING.match(reply, at)) is not None:
            at = string.end()
            try:
                yield str(json.loads(string[1], strict=False))
            except ValueError:
                return
        return
    yield from _NUMBERED.findall(reply)


def usable_rewrite(raw: str, passage: Passage, text: str) -> str | None:
    """Return a rewrite as it can stand in the passage's place; None where it is refused.

    Refused are: nothing, or half a sentence; the same text or one that was refused; the prompt, the rubric's or the
    user's words, or an introduction; a refusal; markup, lines and special tokens that the passage does not have; a much
    longer text.

    Args:
        raw: the rewrite as the model wrote it.
        passage: the passage.
        text: its words without the mark of a list item and the white space around.
    """
    rewrite = _bare(raw, text)
    if not _WORD.search(rewrite) or len(rewrite) > max(_LONGER * len(text), len(text) + _MORE):
        return None
    if rewrite[-1] in _UNFINISHED and text[-1] not in _UNFINISHED:
        return None
    if _key(rewrite) in {_key(text), *map(_key, refused_rewrites(passage)), *map(_key, example_rewrites())}:
        return None
    if _foreign_form(rewrite, text) or _speaks_of_task(rewrite, text, passage):
        return None
    return rewrite


def _texts(answer: Any) -> Iterator[str]:
    """Yield the rewrites in a value of JSON."""
    if isinstance(answer, dict):
        named = [value for key, value in answer.items() if str(key).startswith("rewrite")]
        lists = [value for value in answer.values() if isinstance(value, list)]
        answer = next(iter([*named, *lists]), [])
    for entry in answer if isinstance(answer, list) else [answer]:
        rewrites = entry.values() if isinstance(entry, dict) else [entry]
        yield from [rewrite for rewrite in rewrites if isinstance(rewrite, str)][:1]


def _bare(raw: str, text: str) -> str:
    """Return a rewrite without labels and quotation marks around it, with the old text's stop."""
    rewrite = raw.strip()
    if not _LABEL.match(text):
        rewrite = _LABEL.sub("", rewrite)
    closing = _QUOTES.get(rewrite[:1])
    if (
        closing
        and rewrite.endswith(closing)
        and rewrite.count(closing) <= 2
        and len(rewrite) > 2
        and text[:1] != rewrite[:1]
    ):
        rewrite = rewrite[1:-1].strip()
    if text[-1:] in ".!?" and rewrite[-1:].isalnum() and rewrite.isascii():
        rewrite += "." if text[-1] == "?" else text[-1]
    return rewrite


def _foreign_form(rewrite: str, text: str) -> bool:
    """Return True where the rewrite has tags, blocks of code, lines or tokens of a kind that the text does not have."""
    tags = {tag.lower() for tag in _TAG.findall(rewrite)} - {tag.lower() for tag in _TAG.findall(text)}
    if tags or ("```" in rewrite and "```" not in text) or ("\n" in rewrite and "\n" not in text):
        return True
    return "\ufffd" in rewrite or (defuse(rewrite) != rewrite and defuse(text) == text)


def _speaks_of_task(rewrite: str, text: str, passage: Passage) -> bool:
    """Return True where the rewrite speaks of the task and not to the user, or says what the user said."""
    for pattern in (_PROMPT, _REFUSAL):
        if pattern.search(rewrite) and not pattern.search(text):
            return True
    if _INTRODUCTION.match(rewrite) and not _INTRODUCTION.match(text):
        return True
    rubric = passage.rubric
    wording = [rubric.requirement, *(label.criterion for label in rubric.labels), *rubric.notes]
    runs = set().union(*map(_runs, wording)) - _runs(" ".join(turn.content for turn in passage.turns))
    parroted = set().union(*(_runs(turn.content) for turn in passage.turns if turn.role == "user")) - _runs(text)
    return not (runs | parroted).isdisjoint(_runs(rewrite))


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(text)]
    return {tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)}


def _key(text: str) -> str:
    """Return a key that is equal for texts that differ in case, white space and punctuation only."""
    return "".join(_WORD.findall(text.casefold()))
